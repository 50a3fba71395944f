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
        checked(reflection)
        state = self.__dict__
        if reflection is None:
            reflection = state.get("_reflection")
        parent = super().__call__
        arguments, left = by_name(type(self), args, kwargs)
        run = state.get("_run") or Run()
        with Session(self, parent, reflection, left | arguments, run) as session:
            self.run = session.run
            # What a subclass leaves to its parent may be its own choice by then.
            unchanged = {name for name in left if session.arguments[name] is left[name]}
            return parent(**{k: v for k, v in session.arguments.items() if k not in unchanged})

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


Arguments = dict[str, Any]
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def by_name(cls: type, args: tuple[Any, ...], kwargs: Arguments) -> tuple[Arguments, Arguments]:
    """A call's arguments by name, and the defaults that it leaves to parents of the class.

    The latter are those of a subclass that takes ``*args, **kwargs`` and hands them on.
    """
    own, *parents = _calls(cls)
    call = own.bind(*args, **kwargs)
    call.apply_defaults()
    arguments = dict(call.arguments)
    kinds = {p.kind: name for name, p in own.parameters.items()}
    rest = arguments.pop(kinds.get(inspect.Parameter.VAR_POSITIONAL, ""), ())
    arguments |= arguments.pop(kinds.get(inspect.Parameter.VAR_KEYWORD, ""), {})
    further = {n: p for each in reversed(parents) for n, p in _named(each, own).items()}
    names = [n for each in parents for n, p in _named(each, own).items() if p.kind in _POSITIONAL]
    handed_on = dict(zip(dict.fromkeys(names), rest, strict=False))
    if len(handed_on) < len(rest) or handed_on.keys() & arguments.keys():
        raise TypeError(
            f"{cls.__name__} got more arguments by position than it has, or one by name as well; "
            f"pass them by name"
        )
    arguments |= handed_on
    left = {n: p.default for n, p in further.items() if p.default is not p.empty}
    return arguments, {name: left[name] for name in left if name not in arguments}


def _calls(cls: type) -> list[inspect.Signature]:
    """Signatures of a pipeline's call: its class's own, and of all that this may hand on to."""
    found = []
    for c in cls.__mro__:
        if "__call__" not in vars(c) or issubclass(c, ReflectionMixin):
            continue
        signature = inspect.signature(vars(c)["__call__"])
        _, *parameters = signature.parameters.values()  # without self
        found.append(signature.replace(parameters=parameters))
        if all(p.kind is not p.VAR_KEYWORD for p in parameters):
            break
    return found


def _named(signature: inspect.Signature, own: inspect.Signature) -> dict[str, inspect.Parameter]:
    """What a parent's call takes by name beside what its subclass has itself."""
    various = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    parameters = signature.parameters.items()
    return {n: p for n, p in parameters if n not in own.parameters and p.kind not in various}


def checked(reflection: Any) -> None:
    """Refuse what is no reflection.

    Raises:
        TypeError
    """
    if reflection is not None and not isinstance(reflection, Reflection):
        raise TypeError(
            f"reflection must be a Reflection or None, not {reflection!r}; "
            f"for example Reflection(weak=Side(guidance_scale=1.0))"
        )


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
    checked(reflection)
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
