"""PixArt alpha and sigma."""

from __future__ import annotations

from diffusers import PixArtAlphaPipeline, PixArtSigmaPipeline

from ..core.family import Family
from ..core.pipeline import ReflectionMixin


class PixArtAlphaW2SDPipeline(ReflectionMixin, PixArtAlphaPipeline):
    """``PixArtAlphaPipeline`` with ``reflection=``."""

    family = Family()


class PixArtSigmaW2SDPipeline(ReflectionMixin, PixArtSigmaPipeline):
    """``PixArtSigmaPipeline`` with ``reflection=``."""

    family = Family()
