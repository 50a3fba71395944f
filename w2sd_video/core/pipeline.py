"""Reflection in a diffusers pipeline: the mixin, and one pipeline call as a session.

The pipeline's own ``__call__`` runs unchanged. For its duration the scheduler is replaced
by the facade, and hooks on the denoisers carry out each stage's setting and count samples.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from . import sides
from .reflection import Reflection, Side, Stage
from .scheduler import Call, ReflectingScheduler
from .sides import Family, LoraState, Setting


@dataclass
class Run:
    """What pipeline calls have done so far.

    Attributes:
        evaluations: denoiser samples; cond and uncond count one each, for every clip.
        steps: sampler steps.
    """

    evaluations: int = 0
    steps: int = 0


class ReflectionMixin:
    """Put before a diffusers pipeline class, adds ``reflection=`` to its call."""

    family: ClassVar[Family]
    _session: Session | None = None

    def __call__(self, *args: Any, reflection: Reflection | None = None, **kwargs: Any) -> Any:
        """The pipeline's own call, with reflection.

        Args:
            reflection: what to do; None, or ``steps=0``, is bit for bit the plain pipeline.

        Raises:
            UnsupportedScheduler, UnsupportedSide: before anything is sampled.
        """
        state = self.__dict__
        reflection = reflection or state.get("_reflection")
        self.run = state.get("_run") or Run()
        parent = super().__call__  # type: ignore[misc]
        call = inspect.signature(parent).bind(*args, **kwargs)
        call.apply_defaults()
        arguments = dict(call.arguments)
        arguments.update(arguments.pop("kwargs", {}))
        with Session(self, reflection, arguments, self.run) as session:
            return parent(**session.arguments)

    def progress_bar(self, iterable: Any = None, total: int | None = None) -> Any:
        session = self._session
        if session is None or total is None:
            return super().progress_bar(iterable, total)  # type: ignore[misc]
        return session.progress_bar(super().progress_bar(total=session.steps))  # type: ignore[misc]

    def save_pretrained(self, *args: Any, **kwargs: Any) -> None:
        """As the stock class, so that any diffusers installation can load the folder."""
        with _as_class(self, stock_class(type(self))):
            self.save_pretrained(*args, **kwargs)

    @classmethod
    def from_pipe(cls, pipeline: Any, **kwargs: Any) -> Any:
        """As in diffusers, but without casting the shared modules to float32."""
        kwargs.setdefault("torch_dtype", pipeline.dtype)
        return super().from_pipe(pipeline, **kwargs)  # type: ignore[misc]


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


class Session:
    """One pipeline call: installs what it needs on entry and removes all of it on exit.

    Args:
        arguments: the call's arguments by name; ``self.arguments`` are those to call with.
    """

    def __init__(
        self, pipe: Any, reflection: Reflection | None, arguments: dict[str, Any], run: Run
    ) -> None:
        self.pipe, self.family, self.run = pipe, pipe.family, run
        self.arguments = dict(arguments)
        self.setting = Setting()
        self.guided = float(arguments.get("guidance_scale") or 0.0) > 1
        self.scale = float(arguments.get("guidance_scale") or 0.0)
        # A fraction of 0 reflects nothing for any number of steps; a count is a count.
        self.reflection = reflection if reflection and reflection.steps else None
        self.facade: ReflectingScheduler | None = None
        self._settings: dict[Stage, Setting] = {}
        self._plain = Setting()
        self._last: Call | None = None
        self._bar: Any = None
        self._exit = ExitStack()

    # --- entry and exit ------------------------------------------------------------------

    def __enter__(self) -> Session:
        if self.pipe._session is not None:
            raise RuntimeError("the pipeline is in a call already; use one pipeline a thread")
        try:
            if self.reflection is not None:
                self._prepare(self.reflection)
            self._install()
        except BaseException:
            self._exit.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    @torch.no_grad()
    def _prepare(self, reflection: Reflection) -> None:
        pair = {"strong": reflection.strong, "weak": reflection.weak}
        for name, side in pair.items():
            self.family.check(self.pipe, side, name)
        final = Side()
        if not self.guided and any(s.guidance_scale not in (None, 1.0) for s in pair.values()):
            # The call alone needs no unconditional half, but a side does.
            self.guided, final = True, Side(guidance_scale=1.0)
            self.arguments["guidance_scale"] = 2.0
        make = self._setting_of
        self._plain = make(final)
        self._settings = {
            Stage.STRONG: make(reflection.strong),
            Stage.WEAK: make(reflection.weak),
            Stage.PAIR: make(reflection.strong.without_guidance),
            Stage.FINAL: replace(self._plain, whole=self._final_yields_pair),
        }

    @property
    def _final_yields_pair(self) -> bool:
        return self.reflection is not None and self.reflection.stages() == (Stage.FINAL,)

    def _setting_of(self, side: Side) -> Setting:
        return sides.prepare(self.pipe, self.family, side, self.arguments, self.guided)

    def _install(self) -> None:
        pipe, exit_ = self.pipe, self._exit
        denoisers = [getattr(pipe, name) for name in self.family.denoisers]
        for setting in self._settings.values():
            denoisers += [m for m in setting.modules.values() if all(m is not d for d in denoisers)]
        self._lora_before = [LoraState.of(layer) for layer in sides.lora_layers(denoisers)]
        self._modules_before = {name: getattr(pipe, name) for name in self.family.denoisers}
        exit_.callback(self._put_back)
        for module in denoisers:
            before = module.register_forward_pre_hook(self._before, with_kwargs=True)
            after = module.register_forward_hook(self._after, with_kwargs=True)
            exit_.callback(before.remove)
            exit_.callback(after.remove)
        pipe.__dict__["_session"] = self
        exit_.callback(pipe.__dict__.pop, "_session")
        if self.reflection is not None:
            inner = pipe.scheduler
            self.facade = ReflectingScheduler(inner, self.reflection, self._on_call)
            # Not by setattr: that would write the facade into the pipeline's config.
            pipe.__dict__["scheduler"] = self.facade
            exit_.callback(pipe.__dict__.__setitem__, "scheduler", inner)
        self._wrap_callback()

    def _put_back(self) -> None:
        self.pipe.__dict__.update(self._modules_before)
        for state in self._lora_before:
            state.put()

    # --- stages --------------------------------------------------------------------------

    def _on_call(self, call: Call | None) -> None:
        """The facade is about to show ``call`` to the loop: change over to its stage."""
        if self._last is not None and self._last.stage is Stage.FINAL:
            self._step_done()
        self._last = call
        self._put_back()
        if call is None or not call.reflected:
            self.setting = self._plain
        else:
            self.setting = self._settings[call.stage]
        self.pipe.__dict__.update(self.setting.modules)
        for state in self.setting.lora:
            state.put()

    def _before(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        bound = inspect.signature(module.forward).bind(*args, **kwargs).arguments
        bound.update(bound.pop("kwargs", {}))
        first = next(iter(bound))
        for name, value in self.setting.arguments.items():
            bound[name] = sides.in_place_of(bound[name], value)
        rows = bound[first].shape[0]
        half = self.setting.half(self.family.conditional_half) if self.guided else None
        if half is not None:
            bound = sides.chosen_rows(bound, half, rows)
        self.run.evaluations += bound[first].shape[0]
        return (), dict(bound)

    def _after(self, module: nn.Module, args: Any, kwargs: Any, output: Any) -> Any:
        out: Tensor = output[0]
        call = None if self.facade is None else self.facade.current
        if call and call.reflected and (call.stage is Stage.PAIR or self._final_yields_pair):
            assert self.facade is not None
            self.facade.guidance_difference = self._pair_difference(out)
        setting, conditional = self.setting, self.family.conditional_half
        if not self.guided or setting.guidance is None:
            return output
        if setting.half(conditional) is not None:
            out = torch.cat([out, out])
        else:
            out = sides.guided(out, setting.guidance, conditional)
        if isinstance(output, tuple):
            return (out, *output[1:])
        output.sample = out
        return output

    def _pair_difference(self, out: Tensor) -> Tensor:
        """Strong minus weak output of a guidance pair, from one call's two halves."""
        assert self.reflection is not None
        if not self.guided:  # then neither side has any guidance
            return torch.zeros_like(out)
        pair = (self.reflection.strong.guidance_scale, self.reflection.weak.guidance_scale)
        strong, weak = (self.scale if scale is None else scale for scale in pair)
        halves = out.float().chunk(2)
        conditional = self.family.conditional_half
        return (strong - weak) * (halves[conditional] - halves[1 - conditional])

    # --- progress and callbacks: once a step ---------------------------------------------

    @property
    def steps(self) -> int:
        """Sampler steps of this call."""
        inner = self.pipe.scheduler if self.facade is None else self.facade.inner
        return len(inner.timesteps)

    def progress_bar(self, bar: Any) -> _StepBar:
        self._bar = bar
        return _StepBar(self)

    def _step_done(self) -> None:
        self.run.steps += 1
        if self._bar is not None:
            self._bar.set_postfix(evaluations=self.run.evaluations, refresh=False)
            self._bar.update()

    def _wrap_callback(self) -> None:
        """Diffusers calls back after every ``scheduler.step``; users expect every step."""
        users = self.arguments.get("callback_on_step_end")
        if users is None or self.facade is None:
            return
        if hasattr(users, "tensor_inputs"):  # diffusers' callback objects
            self.arguments["callback_on_step_end_tensor_inputs"] = users.tensor_inputs
        facade = self.facade

        def once_a_step(pipe: Any, _: int, t: Any, tensors: dict[str, Any]) -> dict[str, Any]:
            done = facade.previous
            if done is None or done.stage is not Stage.FINAL:
                return {}
            pipe._num_timesteps = self.steps
            return users(pipe, done.step, t, tensors) or {}

        self.arguments["callback_on_step_end"] = once_a_step


class _StepBar:
    """The pipeline's progress bar; it advances by sampler steps, not by denoiser calls."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __enter__(self) -> _StepBar:
        self._session._bar.__enter__()
        return self

    def __exit__(self, *error: Any) -> Any:
        return self._session._bar.__exit__(*error)

    def update(self, n: int = 1) -> None:
        if self._session.facade is None:  # the plain pipeline counts its own steps
            for _ in range(n):
                self._session._step_done()
