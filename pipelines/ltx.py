"""LTX-Video: from a prompt or an image."""

from __future__ import annotations

from diffusers import LTXImageToVideoPipeline, LTXPipeline

from ..core.family import Family
from ..core.pipeline import ReflectionMixin


class LTXW2SDPipeline(ReflectionMixin, LTXPipeline):
    """``LTXPipeline`` with ``reflection=``."""

    family = Family()


class LTXImageToVideoW2SDPipeline(ReflectionMixin, LTXImageToVideoPipeline):
    """``LTXImageToVideoPipeline`` with ``reflection=``."""

    family = Family(direct=False)  # the first frame is given
