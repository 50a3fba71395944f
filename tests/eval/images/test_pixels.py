"""Images are prepared as transformers' processors prepare them."""

from __future__ import annotations

import json
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
