"""Allegro."""

from __future__ import annotations

from diffusers import AllegroPipeline

from ..core.family import Family
from ..core.pipeline import ReflectionMixin


class AllegroW2SDPipeline(ReflectionMixin, AllegroPipeline):
    """``AllegroPipeline`` with ``reflection=``."""

    family = Family()
