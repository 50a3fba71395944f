"""Stable Diffusion 3 and 3.5."""

from __future__ import annotations

from typing import Any

from diffusers import StableDiffusion3Pipeline

from ..core.family import PROMPTS, WEIGHTS, Call, Family
from ..core.pipeline import ReflectionMixin
from ..core.reflection import Reflection


def _refuses(pipe: Any, call: Call, reflection: Reflection) -> str | None:
    if call.get("skip_guidance_layers") is None:
        return None
    return (
        "skip_guidance_layers= takes denoiser calls for steps when it starts and stops, and a "
        "reflected step has several; pass skip_guidance_layers=None"
    )


class StableDiffusion3W2SDPipeline(ReflectionMixin, StableDiffusion3Pipeline):
    """``StableDiffusion3Pipeline`` with ``reflection=``."""

    family = Family(
        differences=WEIGHTS | PROMPTS | {"guidance_scale", "ip_adapter_scale"},
        refuses=_refuses,
    )
