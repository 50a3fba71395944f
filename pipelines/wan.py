"""Wan 2.1 and 2.2: from a prompt, an image or a video; 2.2 has a transformer for high noise
and one for low noise."""

from __future__ import annotations

from diffusers import WanImageToVideoPipeline, WanPipeline, WanVideoToVideoPipeline

from ..core.family import Family, Guidance, Layout
from ..core.pipeline import ReflectionMixin

FAMILY = Family(
    denoisers=("transformer", "transformer_2"),
    layout=Layout.COND_THEN_UNCOND,
    guidance=Guidance(("guidance_scale", "guidance_scale_2")),
)


class WanW2SDPipeline(ReflectionMixin, WanPipeline):
    """``WanPipeline`` with ``reflection=``."""

    family = FAMILY


class WanImageToVideoW2SDPipeline(ReflectionMixin, WanImageToVideoPipeline):
    """``WanImageToVideoPipeline`` with ``reflection=``."""

    family = FAMILY


class WanVideoToVideoW2SDPipeline(ReflectionMixin, WanVideoToVideoPipeline):
    """``WanVideoToVideoPipeline`` with ``reflection=``."""

    family = Family(layout=Layout.COND_THEN_UNCOND)
