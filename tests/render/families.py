"""The tiny pipelines of every family as configurations: what a person would write for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from w2sd_video.render.inference.calls import KEY_OF
from w2sd_video.render.jobs.job import Job
from w2sd_video.render.jobs.plan import plan
from w2sd_video.render.media import inputs
from w2sd_video.render.settings.config import Config
from w2sd_video.render.settings.layers import Layer

from .. import tiny

# Those whose call takes nothing but what can be written down.
WRITABLE = [
    name
    for name, family in tiny.FAMILIES.items()
    if "ip_adapter_image_embeds" not in family.arguments(1)
]

# Models without a guidance that a side could change.
DISTILLED = ("FluxPipeline-schnell", "HunyuanVideoImageToVideoPipeline")


def settings(name: str, folder: Path, batch: int = 1) -> dict[str, Any]:
    """The configuration of a tiny family's call; its inputs are written into a folder."""
    family = tiny.FAMILIES[name]
    found: dict[str, Any] = {
        "model": {"id": name, "pipeline": family.stock.__name__},
        "num_inference_steps": 3,
        "memory": {"batch_size": batch},
        "arguments": {},
        "reflection": {"weak": {"guidance_scale": 1.0}, "steps": 2},
    }
    if name in DISTILLED:
        found["reflection"]["weak"] = {"prompt": "a gray square"}
    if family.negative_prompt is not None:
        found["negative_prompt"] = family.negative_prompt
    for argument, value in family.arguments(1).items():
        key = KEY_OF.get(argument, argument)
        if key in inputs.KEYS:
            value = write(folder / key, value)
        if key == "output_type":
            continue
        (found if key in Config.model_fields else found["arguments"])[key] = value
    if name == "AllegroPipeline":
        found["memory"]["vae_tiling"] = True  # it decodes in no other way
    if name.startswith("HunyuanVideo15"):
        found["guidance_scale"] = 6.0
    return found


def write(path: Path, value: Any) -> str:
    """An image as a PNG, several as a folder of them."""
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, Image.Image):
        value.save(path.with_suffix(".png"))
        return str(path.with_suffix(".png"))
    path.mkdir(exist_ok=True)
    for i, image in enumerate(value):
        image.save(path / f"{i:03}.png")
    return str(path)


def jobs(name: str, settings: dict[str, Any], count: int = 1, baseline: bool = True) -> list[Job]:
    """Reflected clips of a family and their plain twins."""
    family = tiny.FAMILIES[name]
    rows = [
        Layer({family.prompt: prompt}, "l", {(): i})
        for i, prompt in enumerate(family.prompts[:count], 1)
    ]
    return plan([Layer(settings, "f")], rows, baseline).jobs


def pixels(seed: int = 0, size: int = 16, frames: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (frames, size, size, 3), np.uint8)
