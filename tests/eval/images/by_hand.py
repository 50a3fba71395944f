"""The scores again, by another way: transformers' own processors and plain formulas."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.functional import pad
from transformers import (
    AutoModel,
    CLIPModel,
    CLIPVisionModelWithProjection,
    PreTrainedTokenizerFast,
)
from w2sd_video.eval.images.models import HEAD

from w2sd_video.shapes.models import make_tokenizer


def pil_processor(name: str) -> Any:
    """An image processor of transformers that works with Pillow, whatever the release calls it."""
    return getattr(transformers, f"{name}Pil", None) or getattr(transformers, name)


def cosine(a: Tensor, b: Tensor) -> float:
    return float((a * b).sum() / (a.square().sum().sqrt() * b.square().sum().sqrt()))


def clip_pixels(folder: Path, image: Path) -> Tensor:
    processor = pil_processor("CLIPImageProcessor").from_pretrained(folder)
    pixels: Tensor = processor(Image.open(image), return_tensors="pt")["pixel_values"]
    return pixels


def hps_pixels(folder: Path, image: Path) -> Tensor:
    """As the official package has it: the longer side fills a square, and the rest is black."""
    shown = Image.open(image)
    side = json.loads((folder / "config.json").read_text())["vision_config"]["image_size"]
    scale = side / max(shown.size)
    width, height = (round(s * scale) for s in shown.size)
    shown = shown.resize((width, height), Image.Resampling.BICUBIC)
    pixels = torch.from_numpy(np.array(shown)).permute(2, 0, 1) / 255
    left, top = (side - width) // 2, (side - height) // 2
    pixels = pad(pixels, (left, side - width - left, top, side - height - top))
    mean = torch.tensor([0.48145466, 0.4578275, 0.40821073])
    std = torch.tensor([0.26862954, 0.26130258, 0.27577711])
    return ((pixels - mean[:, None, None]) / std[:, None, None])[None]


@torch.no_grad()
def clip_vectors(
    folder: Path, image: Path, prompt: str, pixels: Callable[[Path, Path], Tensor] = clip_pixels
) -> tuple[Tensor, Tensor]:
    """Of one image and one prompt, as the whole model gives them."""
    model = CLIPModel.from_pretrained(folder).eval()
    tokenizer: PreTrainedTokenizerFast = make_tokenizer()
    tokens = tokenizer(prompt, return_tensors="pt", truncation=True, max_length=77)
    out = model(input_ids=tokens["input_ids"], pixel_values=pixels(folder, image))
    return out.image_embeds[0], out.text_embeds[0]


@torch.no_grad()
def dino_vector(folder: Path, image: Path) -> Tensor:
    processor = pil_processor("BitImageProcessor").from_pretrained(folder)
    pixels = processor(Image.open(image), return_tensors="pt")["pixel_values"]
    vector: Tensor = AutoModel.from_pretrained(folder).eval()(pixels).pooler_output[0]
    return vector


@torch.no_grad()
def aesthetic(folder: Path, image: Path) -> float:
    model = CLIPVisionModelWithProjection.from_pretrained(folder).eval()
    tensors = load_file(folder / "model.safetensors")
    x = model(clip_pixels(folder, image)).image_embeds[0]
    x = x / x.square().sum().sqrt()
    for i in HEAD:
        x = torch.nn.functional.linear(
            x, tensors[f"layers.{i}.weight"], tensors[f"layers.{i}.bias"]
        )
    return float(x)
