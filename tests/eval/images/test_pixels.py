"""Images are prepared as transformers' processors prepare them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from w2sd_video.eval.images.pixels import Preparation

from .by_hand import pil_processor
from .conftest import CLIP_PIXELS, DINO_PIXELS, draw

OF_VIT = {  # as facebook/dino-vits16 has it: no crop, so one number is both sides
    "do_normalize": True,
    "do_resize": True,
    "image_mean": [0.485, 0.456, 0.406],
    "image_std": [0.229, 0.224, 0.225],
    "resample": 2,
    "size": 32,
}
OF_LAION = {  # as PickScore has it
    **CLIP_PIXELS,
    "crop_size": {"height": 32, "width": 32},
    "do_convert_rgb": True,
    "do_rescale": True,
    "rescale_factor": 0.00392156862745098,
    "size": {"shortest_edge": 32},
}


@pytest.mark.parametrize("size", [(40, 32), (32, 71), (33, 64), (20, 20)])
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("CLIPImageProcessor", CLIP_PIXELS),
        ("CLIPImageProcessor", OF_LAION),
        ("BitImageProcessor", DINO_PIXELS),
        ("ViTImageProcessor", OF_VIT),
    ],
)
def test_as_transformers(
    tmp_path: Path, name: str, said: dict[str, Any], size: tuple[int, int]
) -> None:
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(said))
    image = Image.open(draw(tmp_path / "a.png", 3, size))
    theirs = pil_processor(name)(**said)(image, return_tensors="pt")["pixel_values"]
    ours = Preparation.read(tmp_path)([image])
    assert ours.dtype == torch.float32
    torch.testing.assert_close(ours, theirs.float(), rtol=0, atol=1e-6)


def test_within_another_file(tmp_path: Path) -> None:
    (tmp_path / "processor_config.json").write_text(json.dumps({"image_processor": OF_LAION}))
    assert Preparation.read(tmp_path).crop == (32, 32)


def test_clips_own_is_the_default(tmp_path: Path) -> None:
    default = Preparation.of_clip(32)
    assert Preparation.read(tmp_path, default) is default
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(CLIP_PIXELS))
    assert Preparation.read(tmp_path) == default


@pytest.mark.parametrize(("width", "height"), [(40, 32), (31, 71), (33, 64), (20, 20), (300, 2)])
def test_hps_sees_whole_images(tmp_path: Path, width: int, height: int) -> None:
    prepare = Preparation.of_hps(32)
    [pixels] = prepare([Image.new("RGB", (width, height), "white")])
    assert pixels.shape == (3, 32, 32)
    mean, std = (torch.tensor(x)[:, None, None] for x in (prepare.mean, prepare.std))
    seen = pixels * std + mean
    scale = 32 / max(width, height)
    rows, columns = max(1, round(height * scale)), max(1, round(width * scale))
    top, left = (32 - rows) // 2, (32 - columns) // 2
    expected = torch.zeros(3, 32, 32)
    expected[:, top : top + rows, left : left + columns] = 1
    torch.testing.assert_close(seen, expected, rtol=0, atol=1e-6)


def test_values_that_are_not_scaled(tmp_path: Path) -> None:
    said = {**OF_LAION, "do_rescale": False}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(said))
    image = Image.open(draw(tmp_path / "a.png", 3, (40, 32)))
    theirs = pil_processor("CLIPImageProcessor")(**said)(image, return_tensors="pt")
    ours = Preparation.read(tmp_path)([image])
    assert ours.max() > 100
    torch.testing.assert_close(ours, theirs["pixel_values"].float(), rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"size": None}, "'size' is None"),
        ({"size": {"longest_edge": 32}}, "'size' is {'longest_edge': 32}"),
        ({"size": {"shortest_edge": None}}, "int() argument"),
        ({"crop_size": {"shortest_edge": 32}}, "'crop_size' is {'shortest_edge': 32}"),
    ],
)
def test_sizes_that_say_nothing(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    file = tmp_path / "preprocessor_config.json"
    file.write_text(json.dumps({**CLIP_PIXELS, **change}))
    told = re.escape(f"can't be understood: preprocessor_config.json, {words}")
    with pytest.raises(ValueError, match=told):
        Preparation.read(tmp_path)


def test_images_that_are_not_to_be_scaled_need_no_size(tmp_path: Path) -> None:
    said = {**CLIP_PIXELS, "do_resize": False, "size": None}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(said))
    assert Preparation.read(tmp_path).shortest is None


def test_nothing_of_use(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"has no preprocessor_config.json"):
        Preparation.read(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text('{"size": 32}')
    with pytest.raises(ValueError, match=r"can't be understood: preprocessor_config.json"):
        Preparation.read(tmp_path)


def test_sizes_that_differ(tmp_path: Path) -> None:
    said = {**CLIP_PIXELS, "do_center_crop": False, "size": {"shortest_edge": 32}}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(said))
    images = [Image.open(draw(tmp_path / f"{w}.png", w, (w, 32))) for w in (40, 48)]
    with pytest.raises(ValueError, match="different sizes"):
        Preparation.read(tmp_path)(images)
