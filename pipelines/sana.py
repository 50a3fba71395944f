"""Sana: images, videos, and videos from an image."""

from __future__ import annotations

from diffusers import SanaImageToVideoPipeline, SanaPipeline, SanaVideoPipeline

from ..core.family import Family
from ..core.pipeline import ReflectionMixin


class SanaW2SDPipeline(ReflectionMixin, SanaPipeline):
    """``SanaPipeline`` with ``reflection=``."""

    family = Family()


class SanaVideoW2SDPipeline(ReflectionMixin, SanaVideoPipeline):
    """``SanaVideoPipeline`` with ``reflection=``."""

    family = Family()


class SanaImageToVideoW2SDPipeline(ReflectionMixin, SanaImageToVideoPipeline):
    """``SanaImageToVideoPipeline`` with ``reflection=``."""

    family = Family(direct=False)  # the first frame is given
