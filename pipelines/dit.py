"""DiT: images by class label. Its transformer may be a mixture of experts (see ``dit_moe``)."""

from __future__ import annotations

from diffusers import DiTPipeline

from ..core.family import WEIGHTS, Family, Layout
from ..core.pipeline import ReflectionMixin
from .dit_moe.experts import gates

FAMILY = Family(
    layout=Layout.COND_UNCOND,
    differences=WEIGHTS | {"guidance_scale", "experts"},
    gates=gates,
)


class DiTW2SDPipeline(ReflectionMixin, DiTPipeline):
    """``DiTPipeline`` with ``reflection=``."""

    family = FAMILY
