"""``reflect`` for any pipeline of a known family."""

from __future__ import annotations

from contextlib import AbstractContextManager
from importlib import import_module
from typing import Any

from ..core.family import UnsupportedSide
from ..core.pipeline import ReflectionMixin, Run, reflecting, stock_class
from ..core.reflection import Reflection
from .catalog import CLASSES, MODULES, reflecting_name


def load_class(name: str) -> type[ReflectionMixin]:
    """A reflecting pipeline class by its name."""
    module = import_module(f".{CLASSES[name]}", __package__)
    found: type[ReflectionMixin] = getattr(module, name)
    return found


def reflecting_class(cls: type) -> type[ReflectionMixin]:
    """The class of this package that stands on a diffusers pipeline class.

    Raises:
        UnsupportedSide: if there is none.
    """
    if issubclass(cls, ReflectionMixin):
        return cls
    for base in cls.__mro__:  # from the most special on
        if base.__name__ in MODULES:
            return load_class(reflecting_name(base.__name__))
    known = ", ".join(MODULES)
    raise UnsupportedSide(
        f"{cls.__name__} cannot reflect; pipelines that can are {known}; docs/families.md says "
        f"of others why not"
    )


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


def as_reflecting(pipe: Any) -> Any:
    """Turn an already loaded pipeline into its reflecting class, for good.

    It is the same object with the same parts: nothing is copied, cast or moved, and
    adapters, FreeNoise, offload hooks and the like stay.

    A class of the user's own keeps what it has of its own.

    Returns:
        the pipeline itself, whose call now takes ``reflection=``.

    Raises:
        UnsupportedSide: if the pipeline's family is not known.
    """
    cls = type(pipe)
    found = reflecting_class(cls)
    if not issubclass(cls, ReflectionMixin) and cls is not stock_class(found):
        # In this order the mixin stands before the user's class, and that before the stock one.
        found = type(reflecting_name(cls.__name__), (found, cls), {"__module__": cls.__module__})
    pipe.__class__ = found
    return pipe
