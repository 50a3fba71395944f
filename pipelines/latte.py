"""Latte."""

from __future__ import annotations

from diffusers import LattePipeline

from ..core.family import Family
from ..core.pipeline import ReflectionMixin


class LatteW2SDPipeline(ReflectionMixin, LattePipeline):
    """``LattePipeline`` with ``reflection=``."""

    family = Family()
