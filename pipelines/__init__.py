"""Pipelines that reflect: one file per model family."""

from ..core.sides import UnsupportedSide
from ..core.steps import UnsupportedScheduler
from .animatediff import AnimateDiffW2SDPipeline
from .families import reflect
from .stable_diffusion import StableDiffusionW2SDPipeline

__all__ = [
    "AnimateDiffW2SDPipeline",
    "StableDiffusionW2SDPipeline",
    "UnsupportedScheduler",
    "UnsupportedSide",
    "reflect",
]
