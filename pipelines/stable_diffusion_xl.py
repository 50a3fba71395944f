"""Stable Diffusion XL."""

from __future__ import annotations

from diffusers import StableDiffusionXLControlNetPipeline, StableDiffusionXLPipeline

from ..core.pipeline import ReflectionMixin
from .stable_diffusion import FAMILY, WITH_CONTROLNET


class StableDiffusionXLW2SDPipeline(ReflectionMixin, StableDiffusionXLPipeline):
    """``StableDiffusionXLPipeline`` with ``reflection=``."""

    family = FAMILY


class StableDiffusionXLControlNetW2SDPipeline(ReflectionMixin, StableDiffusionXLControlNetPipeline):
    """``StableDiffusionXLControlNetPipeline`` with ``reflection=``."""

    family = WITH_CONTROLNET
