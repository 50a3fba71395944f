"""Tiny pipelines with random weights: real diffusers classes, milliseconds a call.

``FAMILIES`` has one of every family: by the name of its class, and after a dash what is
different in a variant. The functions are shorter names for the two that most tests use.
"""

from __future__ import annotations

from diffusers import AnimateDiffPipeline, StableDiffusionPipeline

from . import cogvideox, hunyuan, image_dit, ltx, video_dit, wan
from . import unet as _unet
from .family import PROMPTS, Tiny
from .parts import ddim
from .unet import motion_adapter, unet

__all__ = [
    "FAMILIES",
    "PROMPTS",
    "Tiny",
    "animatediff",
    "call",
    "ddim",
    "motion_adapter",
    "stable_diffusion",
    "unet",
]

FAMILIES: dict[str, Tiny] = {
    name: family
    for kind in (_unet, cogvideox, wan, ltx, hunyuan, video_dit, image_dit)
    for name, family in kind.FAMILIES.items()
}


def animatediff(cls: type = AnimateDiffPipeline) -> AnimateDiffPipeline:
    return FAMILIES["AnimateDiffPipeline"].make(cls)


def stable_diffusion(cls: type = StableDiffusionPipeline) -> StableDiffusionPipeline:
    return FAMILIES["StableDiffusionPipeline"].make(cls)


def call(steps: int = 4, **changes: object) -> dict[str, object]:
    """Arguments of a small AnimateDiff call that returns latents, without a negative prompt."""
    arguments = FAMILIES["AnimateDiffPipeline"].call(steps, **changes)
    if "negative_prompt" not in changes:
        del arguments["negative_prompt"]
    return arguments
