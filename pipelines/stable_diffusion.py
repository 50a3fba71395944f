"""Stable Diffusion 1 and 2: the image path."""

from __future__ import annotations

from diffusers import StableDiffusionControlNetPipeline, StableDiffusionPipeline

from ..core.family import PROMPTS, WEIGHTS, Family
from ..core.pipeline import ReflectionMixin

FAMILY = Family(
    denoisers=("unet",),
    differences=WEIGHTS | PROMPTS | {"guidance_scale", "ip_adapter_scale"},
)
WITH_CONTROLNET = Family(denoisers=("unet",), differences=FAMILY.differences | {"controlnet_scale"})


class StableDiffusionW2SDPipeline(ReflectionMixin, StableDiffusionPipeline):
    """``StableDiffusionPipeline`` with ``reflection=``."""

    family = FAMILY


class StableDiffusionControlNetW2SDPipeline(ReflectionMixin, StableDiffusionControlNetPipeline):
    """``StableDiffusionControlNetPipeline`` with ``reflection=``."""

    family = WITH_CONTROLNET
