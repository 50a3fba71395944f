"""Stable Diffusion: the image path."""

from __future__ import annotations

from diffusers import StableDiffusionPipeline

from ..core.pipeline import ReflectionMixin
from ..core.sides import Family
from . import clip

FAMILY = Family(
    denoisers=("unet",),
    sample="sample",
    conditional_half=1,
    differences=frozenset({"denoiser", "guidance_scale", "adapters", "prompt", "negative_prompt"}),
    encode=clip.encode,
)


class StableDiffusionW2SDPipeline(ReflectionMixin, StableDiffusionPipeline):
    """``StableDiffusionPipeline`` with ``reflection=``."""

    family = FAMILY
