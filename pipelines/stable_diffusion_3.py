"""Stable Diffusion 3 and 3.5."""

from __future__ import annotations

from diffusers import StableDiffusion3Pipeline

from ..core.family import PROMPTS, WEIGHTS, Family
from ..core.pipeline import ReflectionMixin
from .guidance import unless_off


class StableDiffusion3W2SDPipeline(ReflectionMixin, StableDiffusion3Pipeline):
    """``StableDiffusion3Pipeline`` with ``reflection=``."""

    family = Family(
        differences=WEIGHTS | PROMPTS | {"guidance_scale", "ip_adapter_scale"},
        refuses=unless_off(
            lambda call: call.get("skip_guidance_layers") is not None, "skip_guidance_layers=None"
        ),
    )
