"""Flux 1: guidance is an input of the model; true guidance, if asked for, takes a second call."""

from __future__ import annotations

from diffusers import FluxPipeline

from ..core.family import PROMPTS, WEIGHTS, Family, Guidance, Layout
from ..core.pipeline import ReflectionMixin


class FluxW2SDPipeline(ReflectionMixin, FluxPipeline):
    """``FluxPipeline`` with ``reflection=``."""

    family = Family(
        layout=Layout.COND_THEN_UNCOND,
        guidance=Guidance(("true_cfg_scale",), embedded=1.0),
        differences=WEIGHTS | PROMPTS | {"guidance_scale", "ip_adapter_scale"},
    )
