"""One pipeline call that reflects: what is put in place for it, and taken away again.

The pipeline's own ``__call__`` runs unchanged. For its duration the scheduler is replaced
by the facade, and the denoisers' ``forward`` by one that carries out each stage's setting
and counts samples.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import nn
from tqdm.auto import tqdm

from . import caches, lora, sides
from .evaluation import Arguments, Evaluator, Forward, Guided, Run
from .family import UnsupportedSide
from .progress import StepBar
from .prompts import Encoder
from .reflection import Reflection, Side, Stage
from .replaced import replaced
from .scheduler import Call, ReflectingScheduler
from .sides import Setting
from .taken import taken


class Session:
    """Installs what one call needs on entry and removes all of it on exit.

    Args:
        sample: the stock pipeline's ``__call__``.
        arguments: the call's arguments by name; ``self.arguments`` are those to call with.
        run: where evaluations and steps are counted.
    """

    def __init__(
        self,
        pipe: Any,
        sample: Callable[..., Any],
        reflection: Reflection | None,
        arguments: Arguments,
        run: Run,
    ) -> None:
        self.pipe, self.family, self.run = pipe, pipe.family, run
        self.arguments = dict(arguments)
        self.reflection = reflection if reflection and reflection.steps else None
        self.facade: ReflectingScheduler | None = None
        self._sample = sample
        self._encoder: Encoder | None = None
        self._evaluator: Evaluator | None = None
        self._plain = Setting()
        self._settings: dict[Stage, Setting] = {}
        self._leave = lambda: None
        self._wrapped: list[nn.Module] = []
        self._begun = False  # the pipeline has prepared everything and is in its loop
        self._cached = False  # a denoiser keeps features from one call for later ones
        self._in_context = False  # and has been told which call it is that comes
        self._with_users = False  # their callback runs
        self._bar: Any = None
        self._exit = ExitStack()

    # --- entry and exit ------------------------------------------------------------------

    def __enter__(self) -> Session:
        if self.pipe._session is not None:
            raise RuntimeError(
                "the pipeline is in a call already; give each thread a pipeline with modules of "
                "its own"
            )
        try:
            self._exit.enter_context(replaced(self.pipe, "_session", self))
            self._wrap_denoisers(self.family.modules(self.pipe))
            if self.reflection is not None:
                self._install(self.reflection)
        except BaseException:
            self._exit.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()
        # Session and facade know each other; without this their tensors would outlive them.
        self.facade = self._evaluator = self._encoder = None
        self._settings.clear()
        self.arguments.clear()
        self._wrapped.clear()

    @torch.no_grad()
    def _install(self, reflection: Reflection) -> None:
        pipe, family = self.pipe, self.family
        family.check(pipe, self.arguments, reflection)
        lora.check(self.arguments, reflection)
        scales = [family.guidance.of(pipe, self.arguments, i) for i in range(len(family.denoisers))]
        both = family.halves and reflection.doubles(scales[0])
        guided = Guided(
            halves=both,
            twice=not family.layout.batched
            and (both if family.halves else family.guidance.twice(self.arguments)),
            scales=[
                (_in_force(reflection.strong, s), _in_force(reflection.weak, s)) for s in scales
            ],
            yields_pair=reflection.final_yields_pair(family.halves, family.direct),
        )
        strong, weak, final = reflection.strong, reflection.weak, Side()
        if both and scales[0] <= 1:
            # The call alone needs no unconditional half, but a side does: have the pipeline
            # make one, and say of each stage what its guidance really is.
            self._exit.callback(family.guidance.switch_on(pipe, self.arguments))
            strong, weak, final = (
                replace(side, guidance_scale=side.guidance(scales[0]))
                for side in (strong, weak, final)
            )
        self._encoder = Encoder(pipe, self._sample, self.arguments, 2 if guided.twice else 1)
        self._plain, *settings = (
            sides.prepare(pipe, family, side, both, self._encoder.encode)
            for side in (final, strong, weak, strong.without_guidance)
        )
        self._settings = dict(zip((Stage.STRONG, Stage.WEAK, Stage.PAIR), settings, strict=True))
        self._settings[Stage.FINAL] = replace(self._plain, whole=guided.yields_pair)
        for setting in settings:
            self._wrap_denoisers(setting.modules)
        self.facade = self._replace_scheduler(reflection)
        self._evaluator = Evaluator(pipe, self.arguments, self.run, self.facade, guided)
        if "controlnet_scale" in family.differences:
            self._wrap(pipe.controlnet, self._evaluator.condition)

    def _replace_scheduler(self, reflection: Reflection) -> ReflectingScheduler:
        pipe, family, exit_ = self.pipe, self.family, self._exit
        inner = pipe.scheduler
        stages = reflection.stages(family.halves, family.direct)
        strength = self.arguments.get("strength")
        log = self.run.guidance.append if family.direct and family.halves else None
        facade = ReflectingScheduler(inner, reflection, stages, strength, self._on_call, log)
        exit_.enter_context(replaced(pipe, "scheduler", facade))
        exit_.callback(self._tell_steps)
        exit_.callback(lambda: self._leave())
        self._wrap_callback(facade)
        return facade

    def _wrap_denoisers(self, modules: dict[str, nn.Module]) -> None:
        for name, module in modules.items():
            evaluate = functools.partial(self._evaluate, self.family.denoisers.index(name))
            self._wrap(module, evaluate)
            if hasattr(module, "cache_context"):
                self._separate_caches(module)
            if caches.cached(module):
                self._cached = True
                self._exit.callback(caches.forget, module)

    def _wrap(self, module: nn.Module, around: Callable[[Forward, Arguments], Any]) -> None:
        """For this call, have ``around(forward, arguments by name)`` stand for ``forward``."""
        if any(module is other for other in self._wrapped):
            return  # strong and weak may name one module
        self._wrapped.append(module)
        self._exit.enter_context(taken(module))
        forward = module.forward
        names = list(inspect.signature(type(_uncompiled(module)).forward).parameters)[1:]

        @functools.wraps(forward)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            if self._with_users:  # who may call another pipeline with this module
                return forward(*args, **kwargs)
            given = dict(zip(names, args, strict=False)) | kwargs
            return around(forward, {names[0]: given[names[0]]} | given)  # the latents first

        self._exit.enter_context(replaced(module, "forward", wrapped))

    def _separate_caches(self, module: Any) -> None:
        """Caches of features go by a context's name; every stage gets its own."""
        inner = module.cache_context

        @contextmanager
        def cache_context(name: str, *args: Any, **kwargs: Any) -> Iterator[None]:
            with inner(self._context(name), *args, **kwargs):
                self._in_context = True
                try:
                    yield
                finally:
                    self._in_context = False

        self._exit.enter_context(replaced(module, "cache_context", cache_context))

    def _context(self, name: str) -> str:
        call = self.facade.current if self.facade is not None else None
        if call is None or self._evaluator is None:
            return name
        # The final stage may go from both halves to one, whose features have fewer rows.
        layout, setting = self.family.layout, self._evaluator.setting
        half = setting.half(layout.conditional) if layout.batched else None
        return f"{name}, {call.stage.value}, {'both' if half is None else half}"

    # --- stages --------------------------------------------------------------------------

    def _on_call(self, call: Call | None) -> None:
        """The facade is about to show ``call`` to the loop: change over to its stage."""
        done = self.facade.previous if self.facade is not None else None
        if done is not None and done.stage is Stage.FINAL:
            self.step_done()
        self._leave()
        # The call's own setting is in force until the loop begins: the pipeline looks at its
        # denoiser to prepare what all stages share (images for an IP-Adapter, say).
        self._enter(call if self._begun else None)

    def _enter(self, call: Call | None) -> None:
        reflected = call is not None and call.reflected
        setting = self._settings[call.stage] if call and reflected else self._plain
        if self._evaluator is not None:
            self._evaluator.begin(setting)
        self._leave = setting.enter(self.pipe)

    def _evaluate(self, denoiser: int, forward: Forward, given: Arguments) -> Any:
        """One call of a denoiser by the pipeline."""
        if self._encoder is not None and self._encoder.active:
            config = getattr(self.pipe, self.family.denoisers[denoiser]).config
            return self._encoder.show(given, config)
        if self._evaluator is None:
            return self.run.counted(forward, given)
        if not self._begun:
            raise RuntimeError(
                f"{type(self.pipe).__name__} samples without opening its progress_bar(), "
                f"by which reflection knows that its loop begins"
            )
        if self._cached and not self._in_context:
            raise UnsupportedSide(
                f"{type(self.pipe).__name__} opens no cache_context(), by which caches are kept "
                f"apart for the sides; call disable_cache() on the denoiser first"
            )
        return self._evaluator.denoise(denoiser, forward, given)

    # --- progress and callbacks: once a step ---------------------------------------------

    @property
    def steps(self) -> int:
        """Sampler steps of this call."""
        return len(self.pipe.scheduler.timesteps) if self.facade is None else self.facade.total

    def _tell_steps(self) -> None:
        self.pipe._num_timesteps = self.steps

    def progress_bar(self, make: Callable[..., Any], iterable: Any, total: int | None) -> Any:
        """The bar that ``make`` gives, advancing by sampler steps, not denoiser calls."""
        if self._encoder is not None and self._encoder.active:
            return tqdm(iterable, total=total, disable=True)
        self._begun = True
        if self.facade is not None:
            self._leave()
            self._enter(self.facade.current)
        self._bar = make(total=self.steps if iterable is not None or self.facade else total)
        # The facade tells what it steps; the plain pipeline's own scheduler does not.
        bar = StepBar(self._bar, self.step_done if self.facade is None else lambda: None)
        return bar if iterable is None else bar.over(iterable)

    def step_done(self) -> None:
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
            self._with_users = True
            try:
                return users(pipe, done.step - facade.first, t, tensors) or {}
            finally:
                self._with_users = False
                self._enter(facade.current)

        self.arguments["callback_on_step_end"] = once_a_step


def _in_force(side: Side, of_call: float) -> float:
    """A side's guidance at a denoiser whose own the call may have below 1 (Wan 2.2)."""
    return of_call if side.guidance_scale is None else side.guidance_scale


def _uncompiled(module: Any) -> Any:
    return getattr(module, "_orig_mod", module)
