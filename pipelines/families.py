"""Which pipelines reflect: the table of families, and ``reflect`` for any of them."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from ..core.pipeline import ReflectionMixin, Run, reflecting, stock_class
from ..core.reflection import Reflection
from ..core.sides import UnsupportedSide
from .animatediff import AnimateDiffW2SDPipeline
from .stable_diffusion import StableDiffusionW2SDPipeline

# More special classes before those they derive from.
PIPELINES: tuple[type[ReflectionMixin], ...] = (
    AnimateDiffW2SDPipeline,
    StableDiffusionW2SDPipeline,
)


def reflecting_class(cls: type) -> type[ReflectionMixin]:
    """The class of this package that stands on a diffusers pipeline class.

    Raises:
        UnsupportedSide: if there is none.
    """
    if issubclass(cls, ReflectionMixin):
        return cls
    for candidate in PIPELINES:
        if issubclass(cls, stock_class(candidate)):
            return candidate
    known = ", ".join(stock_class(candidate).__name__ for candidate in PIPELINES)
    raise UnsupportedSide(f"{cls.__name__} cannot reflect; pipelines that can are {known}")


def reflect(pipe: Any, reflection: Reflection | None) -> AbstractContextManager[Run]:
    """Make every call of an already loaded pipeline reflect while the context lasts.

    Nothing is copied, cast or moved, and afterwards the pipeline is as before.

    Args:
        pipe: a diffusers pipeline of a supported family.
        reflection: what to do; None samples plainly and only counts.

    Returns:
        a context manager that gives a ``Run`` with the evaluations and steps so far.

    Raises:
        UnsupportedSide: if the pipeline's family is not known.
    """
    return reflecting(pipe, reflecting_class(type(pipe)).family, reflection)
