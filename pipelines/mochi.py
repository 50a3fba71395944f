"""Mochi 1."""

from __future__ import annotations

from diffusers import MochiPipeline

from ..core.family import Family
from ..core.pipeline import ReflectionMixin


class MochiW2SDPipeline(ReflectionMixin, MochiPipeline):
    """``MochiPipeline`` with ``reflection=``."""

    family = Family()
