"""Tiny models of the real classes with random weights, and folders of images to score."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import (
    CLIPConfig,
    CLIPModel,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    Dinov2Config,
    Dinov2Model,
)
from w2sd_video.eval.images.models import HEAD

from w2sd_video.render.files.clips import describe
from w2sd_video.render.jobs.events import Cost, Result
from w2sd_video.render.jobs.identity import canonical
from w2sd_video.render.media.video import write_png
from w2sd_video.render.record.folder import open_folder
from w2sd_video.shapes.models import make_tokenizer

from ..compare.runs import jobs_of

SIDE, WIDTH, LENGTH = 32, 16, 77
VISION: dict[str, Any] = {
    "hidden_size": 24,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": SIDE,
    "patch_size": 8,
}
CLIP_PIXELS = {
    "crop_size": SIDE,
    "do_center_crop": True,
    "do_normalize": True,
    "do_resize": True,
    "feature_extractor_type": "CLIPFeatureExtractor",
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
    "resample": 3,
    "size": SIDE,
}
DINO_PIXELS = {
    "crop_size": {"height": SIDE, "width": SIDE},
    "do_center_crop": True,
    "image_mean": [0.485, 0.456, 0.406],
    "image_std": [0.229, 0.224, 0.225],
    "image_processor_type": "BitImageProcessor",
    "resample": 3,
    "rescale_factor": 1 / 255,
    "size": {"shortest_edge": 40},
}
BASE = {
    "model": {"id": "org/model", "pipeline": "StableDiffusionPipeline"},
    "width": 40,
    "height": 32,
    "num_inference_steps": 5,
    "guidance_scale": 2.0,
    "reflection": {"weak": {"guidance_scale": 1.0}, "steps": 1.0},
}


def make_clip(folder: Path, seed: int = 0, scale: float = 3.0) -> Path:
    """A CLIP whose cosines are not all alike."""
    torch.manual_seed(seed)
    tokenizer = make_tokenizer()
    tokenizer.model_max_length = LENGTH
    text = {
        "vocab_size": len(tokenizer),
        "hidden_size": 24,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": LENGTH,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    model = CLIPModel(CLIPConfig(text_config=text, vision_config=VISION, projection_dim=WIDTH))
    lively(model)
    model.logit_scale.data.fill_(scale)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(CLIP_PIXELS))
    return folder


def lively(model: torch.nn.Module) -> None:
    """Weights large enough for an input to matter."""
    for name, value in model.named_parameters():
        if value.ndim > 1:
            value.data.normal_(0, 0.3)
        elif "bias" in name:
            value.data.normal_(0, 0.1)


def make_dino(folder: Path) -> Path:
    torch.manual_seed(4)
    model = Dinov2Model(Dinov2Config(**VISION))
    lively(model)
    model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(DINO_PIXELS))
    return folder


def make_aesthetic(folder: Path, layers: Sequence[int] = HEAD) -> Path:
    """As it is published: a vision tower and the layers of the head in one file."""
    torch.manual_seed(5)
    model = CLIPVisionModelWithProjection(CLIPVisionConfig(**VISION, projection_dim=WIDTH))
    lively(model)
    model.save_pretrained(folder)
    tensors = load_file(folder / "model.safetensors")
    widths = [WIDTH, 8, 6, 4, 3, 1]
    for i, (before, after) in zip(layers, itertools.pairwise(widths), strict=True):
        tensors[f"layers.{i}.weight"] = torch.randn(after, before)
        tensors[f"layers.{i}.bias"] = torch.randn(after)
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    said = json.loads((folder / "config.json").read_text())
    said |= {"model_type": "aesthetics_predictor", "architectures": ["AestheticsPredictorV2Linear"]}
    (folder / "config.json").write_text(json.dumps(said))
    (folder / "preprocessor_config.json").write_text(json.dumps(CLIP_PIXELS))
    return folder


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All models but Inception, not to be changed."""
    root = tmp_path_factory.mktemp("weights")
    for seed, name in enumerate(("clip", "pickscore", "hps-v2")):
        make_clip(root / name, seed)
    make_dino(root / "dino")
    make_aesthetic(root / "aesthetic")
    return root


@pytest.fixture(autouse=True)
def _no_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine's hub cache is empty, whatever is in it."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "no hub"))


def draw(path: Path, seed: int = 0, size: tuple[int, int] = (40, 32)) -> Path:
    """An image of blotches, ``(width, height)``: another one by each seed."""
    small = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(small).resize(size, Image.Resampling.BICUBIC).save(path)
    return path


def loose(folder: Path, prompts: Iterable[str], seed: int = 0) -> Path:
    """A folder of images that were not rendered here."""
    for i, prompt in enumerate(prompts):
        draw(folder / f"{prompt}.png", seed + i)
    return folder


def rendered(folder: Path, prompts: Iterable[str], baseline: bool = True, seed: int = 0) -> Path:
    """A folder of images as a run leaves it."""
    with open_folder(folder) as ledger:
        jobs = jobs_of(BASE, prompts, baseline)
        ledger.add(jobs)
        for i, job in enumerate(jobs):
            path = folder / "clips" / f"{job.name}.png"
            pixels = np.asarray(Image.open(draw(path, seed + i)))
            write_png(path, pixels, {"comment": canonical(describe(job, {}))})
            ledger.ended(Result(job, path, cost=Cost(job.cost or 0)))
    return folder
