"""Reflection in a diffusers pipeline: the mixin that adds ``reflection=`` to its call."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, ClassVar

from .evaluation import Run
from .family import Family
from .reflection import Reflection
from .session import Session

# What the mixin stands before is known only when it is put there.
if TYPE_CHECKING:
    from diffusers import DiffusionPipeline as _Pipeline
else:
    _Pipeline = object

_keep_dtypes: ContextVar[bool] = ContextVar("keep_dtypes", default=False)


class ReflectionMixin(_Pipeline):
    """Put before a diffusers pipeline class, adds ``reflection=`` to its call.

    Attributes:
        run: the evaluations and steps of the latest call.
    """

    family: ClassVar[Family]
    run: Run
    _session: Session | None = None

    def __call__(self, *args: Any, reflection: Reflection | None = None, **kwargs: Any) -> Any:
        """The pipeline's own call (see the class it stands on) with one argument more.

        Args:
            reflection: what to do; None, or ``steps=0``, is bit for bit the plain pipeline.

        Raises:
            UnsupportedScheduler, UnsupportedSide: before anything is sampled.
        """
        state = self.__dict__
        reflection = reflection or state.get("_reflection")
        parent = super().__call__
        call = inspect.signature(parent).bind(*args, **kwargs)
        call.apply_defaults()
        arguments = dict(call.arguments)
        arguments.update(arguments.pop("kwargs", {}))
        run = state.get("_run") or Run()
        with Session(self, parent, reflection, arguments, run) as session:
            self.run = session.run
            return parent(**session.arguments)

    def progress_bar(self, iterable: Any = None, total: int | None = None) -> Any:
        session = self._session
        if session is None:
            return super().progress_bar(iterable, total)
        return session.progress_bar(super().progress_bar, iterable, total)

    def save_pretrained(self, *args: Any, **kwargs: Any) -> None:
        """As the stock class, so that any diffusers installation can load the folder."""
        with _as_class(self, stock_class(type(self))):
            self.save_pretrained(*args, **kwargs)

    @classmethod
    def from_pipe(cls, pipeline: Any, **kwargs: Any) -> Any:
        """As in diffusers; but without ``dtype`` the shared modules keep the one they have."""
        token = _keep_dtypes.set("dtype" not in kwargs and "torch_dtype" not in kwargs)
        try:
            return super().from_pipe(pipeline, **kwargs)
        finally:
            _keep_dtypes.reset(token)

    def to(self, *args: Any, **kwargs: Any) -> Any:
        # from_pipe ends with a cast to float32 of modules that another pipeline holds too.
        return self if _keep_dtypes.get() else super().to(*args, **kwargs)


def stock_class(cls: type) -> type:
    """The diffusers pipeline class that a reflecting class stands on."""
    return next(
        c
        for c in cls.__mro__
        if hasattr(c, "save_pretrained") and not issubclass(c, ReflectionMixin)
    )


@contextmanager
def reflecting(pipe: Any, family: Family, reflection: Reflection | None) -> Iterator[Run]:
    """Make every call of ``pipe`` reflect, whatever its class; see ``pipelines.reflect``."""
    cls = type(pipe)
    if not issubclass(cls, ReflectionMixin):
        cls = type(cls.__name__, (ReflectionMixin, cls), {"family": family})
    run = Run()
    state = pipe.__dict__
    before = {key: state[key] for key in ("_reflection", "_run", "run") if key in state}
    with _as_class(pipe, cls):
        state.update(_reflection=reflection, _run=run)
        try:
            yield run
        finally:
            for key in ("_reflection", "_run", "run"):
                state.pop(key, None)
            state.update(before)


@contextmanager
def _as_class(pipe: Any, cls: type) -> Iterator[None]:
    before = type(pipe)
    pipe.__class__ = cls
    try:
        yield
    finally:
        pipe.__class__ = before
