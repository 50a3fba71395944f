"""Reflection in a diffusers pipeline: the mixin, and one pipeline call as a session.

The pipeline's own ``__call__`` runs unchanged. For its duration the scheduler is replaced
by the facade, and hooks on the denoisers carry out each stage's setting and count samples.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn

from . import sides
from .reflection import Reflection, Side, Stage
from .scheduler import Call, ReflectingScheduler
from .sides import Family, Setting, UnsupportedSide

# What the mixin stands before is known only when it is put there.
if TYPE_CHECKING:
    from diffusers import DiffusionPipeline as _Pipeline
else:
    _Pipeline = object

_keep_dtypes: ContextVar[bool] = ContextVar("keep_dtypes", default=False)


@dataclass
class Run:
    """What pipeline calls have done so far.

    Attributes:
        evaluations: denoiser samples; cond and uncond count one each, for every clip.
        steps: sampler steps.
    """

    evaluations: int = 0
    steps: int = 0


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
        with Session(self, reflection, arguments, state.get("_run") or Run()) as session:
            self.run = session.run
            return parent(**session.arguments)

    def progress_bar(self, iterable: Any = None, total: int | None = None) -> Any:
        session = self._session
        if session is None or total is None:
            return super().progress_bar(iterable, total)
        return session.progress_bar(super().progress_bar(total=session.steps))

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


class Session:
    """One pipeline call: installs what it needs on entry and removes all of it on exit.

    Args:
        arguments: the call's arguments by name; ``self.arguments`` are those to call with.
        run: where evaluations and steps are counted.
    """

    def __init__(
        self, pipe: Any, reflection: Reflection | None, arguments: dict[str, Any], run: Run
    ) -> None:
        self.pipe, self.family, self.run = pipe, pipe.family, run
        self.arguments = dict(arguments)
        self.reflection = reflection if reflection and reflection.steps else None
        self.facade: ReflectingScheduler | None = None
        self.setting = Setting()
        self._plain = Setting()
        self._settings: dict[Stage, Setting] = {}
        self._leave = lambda: None
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
        # Session and facade know each other; without this their tensors would outlive them.
        self.facade = None
        self._settings.clear()
        self.arguments.clear()

    @torch.no_grad()
    def _prepare(self, reflection: Reflection) -> None:
        if self.arguments.get("callback") is not None:
            raise UnsupportedSide(
                "callback= is called after every denoiser call; use callback_on_step_end="
            )
        for name, side in (("strong", reflection.strong), ("weak", reflection.weak)):
            self.family.check(self.pipe, side, name)
        scale = float(self.arguments.get("guidance_scale") or 0.0)
        self.guided = reflection.doubles(scale)
        self._scales = [s.guidance(scale) for s in (reflection.strong, reflection.weak)]
        strong, weak, final = reflection.strong, reflection.weak, Side()
        if self.guided and scale <= 1:
            # The call alone needs no unconditional half, but a side does: have the pipeline
            # make one, and say of each stage what its guidance really is.
            self.arguments["guidance_scale"] = 2.0
            strong, weak, final = (
                replace(side, guidance_scale=side.guidance(scale)) for side in (strong, weak, final)
            )
        self._plain = self._setting_of(final)
        self._settings = {
            Stage.STRONG: self._setting_of(strong),
            Stage.WEAK: self._setting_of(weak),
            Stage.PAIR: self._setting_of(strong.without_guidance),
            Stage.FINAL: replace(self._plain, whole=reflection.final_yields_pair),
        }

    def _setting_of(self, side: Side) -> Setting:
        return sides.prepare(self.pipe, self.family, side, self.arguments, self.guided)

    def _install(self) -> None:
        pipe, exit_ = self.pipe, self._exit
        denoisers = [getattr(pipe, name) for name in self.family.denoisers]
        for setting in self._settings.values():
            denoisers += [m for m in setting.modules.values() if all(m is not d for d in denoisers)]
        for module in denoisers:
            before = module.register_forward_pre_hook(self._before, with_kwargs=True)
            exit_.callback(before.remove)
            if self.reflection is not None:
                exit_.callback(module.register_forward_hook(self._after).remove)
        pipe.__dict__["_session"] = self
        exit_.callback(pipe.__dict__.pop, "_session")
        if self.reflection is None:
            return
        inner = pipe.scheduler
        self.facade = ReflectingScheduler(inner, self.reflection, self._on_call)
        # Not by setattr: that would write the facade into the pipeline's config.
        pipe.__dict__["scheduler"] = self.facade
        exit_.callback(pipe.__dict__.__setitem__, "scheduler", inner)
        exit_.callback(self._tell_steps)
        exit_.callback(lambda: self._leave())
        self._wrap_callback(self.facade)

    # --- stages --------------------------------------------------------------------------

    def _on_call(self, call: Call | None) -> None:
        """The facade is about to show ``call`` to the loop: change over to its stage."""
        done = self.facade.previous if self.facade is not None else None
        if done is not None and done.stage is Stage.FINAL:
            self._step_done()
        self._leave()
        self._enter(call)

    def _enter(self, call: Call | None) -> None:
        reflected = call is not None and call.reflected
        self.setting = self._settings[call.stage] if call and reflected else self._plain
        self._leave = self.setting.enter(self.pipe)

    @property
    def _guided_now(self) -> bool:
        """Whether this denoiser call sees two halves; callbacks may end guidance half-way."""
        return self.guided and self.pipe.do_classifier_free_guidance

    def _before(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        sample = args[0] if args else kwargs[self.family.sample]
        rows = sample.shape[0]
        self.run.evaluations += rows
        if self.reflection is None:
            return None
        setting, conditional = self.setting, self.family.conditional_half
        guided = self._guided_now
        for name, value in setting.arguments.items():
            if self.guided and not guided:
                value = value.chunk(2)[conditional]
            kwargs = {**kwargs, name: sides.repeated_like(value, kwargs[name])}
        half = setting.half(conditional) if guided else None
        if half is not None:
            self.run.evaluations -= rows - rows // 2
            args, kwargs = (sides.one_half(given, half, rows) for given in (args, kwargs))
        return args, kwargs

    def _after(self, module: nn.Module, args: Any, output: Any) -> Any:
        assert self.facade is not None
        assert self.reflection is not None
        out: Tensor = output[0]
        setting, conditional = self.setting, self.family.conditional_half
        call, guided = self.facade.current, self._guided_now
        yields_pair = call and (call.stage is Stage.PAIR or self.reflection.final_yields_pair)
        if call and call.reflected and yields_pair:
            self.facade.guidance_difference = self._pair_difference(out, guided)
        if not guided or setting.guidance is None:
            return output
        if setting.half(conditional) is not None:
            out = torch.cat([out, out])
        else:
            out = sides.guided(out, setting.guidance, conditional)
        if isinstance(output, tuple):
            return (out, *output[1:])
        output.sample = out
        return output

    def _pair_difference(self, out: Tensor, guided: bool) -> Tensor:
        """Strong minus weak output of a guidance pair, from one call's two halves."""
        if not guided:  # then neither side has any guidance
            return torch.zeros_like(out)
        strong, weak = self._scales
        halves = out.float().chunk(2)
        conditional = self.family.conditional_half
        return (strong - weak) * (halves[conditional] - halves[1 - conditional])

    # --- progress and callbacks: once a step ---------------------------------------------

    @property
    def steps(self) -> int:
        """Sampler steps of this call."""
        inner = self.pipe.scheduler if self.facade is None else self.facade.inner
        return len(inner.timesteps)

    def _tell_steps(self) -> None:
        self.pipe._num_timesteps = self.steps

    def progress_bar(self, bar: Any) -> StepBar:
        self._bar = bar
        return StepBar(self, bar)

    def _step_done(self) -> None:
        self.run.steps += 1
        if self._bar is not None:
            self._bar.set_postfix(evaluations=self.run.evaluations, refresh=False)
            self._bar.update()

    def _wrap_callback(self, facade: ReflectingScheduler) -> None:
        """Diffusers calls back after every ``scheduler.step``; users expect every step."""
        users = self.arguments.get("callback_on_step_end")
        if users is None:
            return
        if hasattr(users, "tensor_inputs"):  # diffusers' callback objects
            self.arguments["callback_on_step_end_tensor_inputs"] = users.tensor_inputs

        def once_a_step(pipe: Any, _: int, t: Any, tensors: dict[str, Any]) -> dict[str, Any]:
            done = facade.previous
            if done is None or done.stage is not Stage.FINAL:
                return {}
            self._tell_steps()
            self._leave()  # the next stage has been entered; users are shown the call's own
            try:
                return users(pipe, done.step, t, tensors) or {}
            finally:
                self._enter(facade.current)

        self.arguments["callback_on_step_end"] = once_a_step


class StepBar:
    """The pipeline's progress bar, which advances by sampler steps, not denoiser calls."""

    def __init__(self, session: Session, bar: Any) -> None:
        self._session, self._bar = session, bar

    def __enter__(self) -> StepBar:
        self._bar.__enter__()
        return self

    def __exit__(self, *error: Any) -> Any:
        return self._bar.__exit__(*error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bar, name)

    def update(self, n: int = 1) -> None:
        if self._session.facade is None:  # the plain pipeline counts its own steps
            for _ in range(n):
                self._session._step_done()
