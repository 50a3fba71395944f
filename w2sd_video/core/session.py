"""One pipeline call that reflects: what is put in place for it, and taken away again.

The pipeline's own ``__call__`` runs unchanged. For its duration the scheduler is replaced
by the facade, and the denoisers' ``forward`` by one that carries out each stage's setting
and counts samples.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from . import halves, prompts, sides
from .reflection import Reflection, Side, Stage
from .scheduler import Call, ReflectingScheduler
from .sides import Setting

Forward = Callable[..., Any]
Arguments = dict[str, Any]


@dataclass
class Run:
    """What pipeline calls have done so far.

    Attributes:
        evaluations: denoiser samples; cond and uncond count one each, for every clip.
        steps: sampler steps.
    """

    evaluations: int = 0
    steps: int = 0


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
        self.setting = Setting()
        self._sample = sample
        self._plain = Setting()
        self._settings: dict[Stage, Setting] = {}
        self._leave = lambda: None
        self._begun = False  # the pipeline has prepared everything and is in its loop
        self._nth = 0  # denoiser calls of this stage so far
        self._held: tuple[Tensor, ...] = ()  # outputs of a conditional call, until the other
        self._shown: list[Arguments] | None = None  # what a preparing call has shown so far
        self._encoded: dict[str, tuple[Arguments, Arguments]] = {}
        self._residuals_cut = False
        self._bar: Any = None
        self._exit = ExitStack()

    # --- entry and exit ------------------------------------------------------------------

    def __enter__(self) -> Session:
        if self.pipe._session is not None:
            raise RuntimeError("the pipeline is in a call already; use one pipeline a thread")
        try:
            self.pipe.__dict__["_session"] = self
            self._exit.callback(self.pipe.__dict__.pop, "_session")
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
        self.facade = None
        self._settings.clear()
        self.arguments.clear()
        self._held = ()

    @torch.no_grad()
    def _install(self, reflection: Reflection) -> None:
        pipe, family = self.pipe, self.family
        family.check(pipe, self.arguments, reflection)
        scales = [family.guidance.of(pipe, self.arguments, i) for i in range(len(family.denoisers))]
        # Strong and weak guidance at each denoiser.
        self._scales = [
            (reflection.strong.guidance(scale), reflection.weak.guidance(scale)) for scale in scales
        ]
        self.guided = family.halves and reflection.doubles(scales[0])
        self._twice = not family.layout.batched and (
            self.guided if family.halves else family.guidance.twice(self.arguments)
        )
        strong, weak, final = reflection.strong, reflection.weak, Side()
        if self.guided and scales[0] <= 1:
            # The call alone needs no unconditional half, but a side does: have the pipeline
            # make one, and say of each stage what its guidance really is.
            self._exit.callback(family.guidance.switch_on(pipe, self.arguments))
            strong, weak, final = (
                replace(side, guidance_scale=side.guidance(scales[0]))
                for side in (strong, weak, final)
            )
        self._yields_pair = reflection.final_yields_pair(family.halves, family.direct)
        self._plain, *settings = (
            sides.prepare(pipe, family, side, self.guided, self._encode)
            for side in (final, strong, weak, strong.without_guidance)
        )
        self._settings = dict(zip((Stage.STRONG, Stage.WEAK, Stage.PAIR), settings, strict=True))
        self._settings[Stage.FINAL] = replace(self._plain, whole=self._yields_pair)
        for setting in settings:
            self._wrap_denoisers(setting.modules)
        if "controlnet_scale" in family.differences:
            self._wrap(pipe.controlnet, self._condition)
        self._replace_scheduler(reflection)

    def _replace_scheduler(self, reflection: Reflection) -> None:
        pipe, family, exit_ = self.pipe, self.family, self._exit
        inner = pipe.scheduler
        stages = reflection.stages(family.halves, family.direct)
        strength = self.arguments.get("strength")
        self.facade = ReflectingScheduler(inner, reflection, stages, strength, self._on_call)
        # Not by setattr: that would write the facade into the pipeline's config.
        pipe.__dict__["scheduler"] = self.facade
        exit_.callback(pipe.__dict__.__setitem__, "scheduler", inner)
        exit_.callback(self._tell_steps)
        exit_.callback(lambda: self._leave())
        self._wrap_callback(self.facade)

    def _wrap_denoisers(self, modules: dict[str, nn.Module]) -> None:
        for name, module in modules.items():
            evaluate = functools.partial(self._evaluate, self.family.denoisers.index(name))
            self._wrap(module, evaluate)
            if getattr(module, "is_cache_enabled", False):
                self._separate_caches(module)

    def _wrap(self, module: nn.Module, around: Callable[[Forward, Arguments], Any]) -> None:
        """For this call, have ``around(forward, arguments by name)`` stand for ``forward``."""
        forward, state = module.forward, module.__dict__
        if hasattr(forward, "w2sd_session"):
            return  # strong and weak may name one module
        kept = {"forward": state["forward"]} if "forward" in state else {}
        names = list(inspect.signature(type(_uncompiled(module)).forward).parameters)[1:]

        @functools.wraps(forward)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            given = dict(zip(names, args, strict=False)) | kwargs
            return around(forward, {names[0]: given[names[0]]} | given)  # the latents first

        wrapped.w2sd_session = True  # type: ignore[attr-defined]
        state["forward"] = wrapped

        def unwrap() -> None:
            del state["forward"]
            state.update(kept)

        self._exit.callback(unwrap)

    def _separate_caches(self, module: Any) -> None:
        """Caches of features go by a context's name; every stage gets its own."""
        inner, state = module.cache_context, module.__dict__

        def cache_context(name: str, *args: Any, **kwargs: Any) -> Any:
            call = self.facade.current if self.facade is not None else None
            stage = call.stage.value if call is not None else Stage.FINAL.value
            return inner(f"{name}, {stage}", *args, **kwargs)

        state["cache_context"] = cache_context
        self._exit.callback(state.pop, "cache_context")

    # --- prompts of a side -------------------------------------------------------------------

    def _encode(self, prompt: Any, negative_prompt: Any) -> tuple[Arguments, Arguments]:
        """The denoiser's arguments for other prompts, as the pipeline itself makes them.

        It is called with them and stopped at its denoiser.
        """
        key = repr((prompt, negative_prompt))
        if key not in self._encoded:
            self._shown = []
            call = prompts.replaced(self.arguments, prompt, negative_prompt)
            try:
                with _same_randomness_after(call.get("generator")), suppress(_Shown):
                    self._sample(**call)
                first, second = self._shown[0], self._shown[1] if self._twice else {}
            finally:
                self._shown = None
            self._encoded[key] = _of_prompt(first), _of_prompt(second)
        return self._encoded[key]

    def _show(self, denoiser: int, given: Arguments) -> Any:
        """In a preparing call the denoiser only looks at its arguments."""
        assert self._shown is not None
        self._shown.append(given)
        if len(self._shown) == (2 if self._twice else 1):
            raise _Shown
        return self._placeholder(denoiser, given)

    def _placeholder(self, denoiser: int, given: Arguments) -> tuple[Tensor]:
        """In place of an output that nobody evaluates."""
        sample: Tensor = next(iter(given.values()))
        shape = list(sample.shape)
        if len(shape) > 3:  # packed latents go in and out alike
            config = getattr(self.pipe, self.family.denoisers[denoiser]).config
            shape[1] = config.get("out_channels") or shape[1]
        return (sample.new_zeros(shape),)

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
        self.setting = self._settings[call.stage] if call and reflected else self._plain
        self._nth, self._residuals_cut = 0, False
        self._leave = self.setting.enter(self.pipe)

    @property
    def _call(self) -> Call:
        assert self.facade is not None
        assert self.facade.current is not None
        return self.facade.current

    @property
    def _guided_now(self) -> bool:
        """Whether this denoiser call sees two halves; callbacks may end guidance half-way."""
        return self.guided and getattr(self.pipe, "do_classifier_free_guidance", True)

    # --- the denoiser's calls ----------------------------------------------------------------

    def _evaluate(self, denoiser: int, forward: Forward, given: Arguments) -> Any:
        """One call of a denoiser by the pipeline, as the stage in force has it."""
        if self._shown is not None:
            return self._show(denoiser, given)
        if self.reflection is None:
            return self._counted(forward, given)
        if not self._begun:
            raise RuntimeError(
                f"{type(self.pipe).__name__} samples without opening its progress_bar(), "
                f"by which reflection knows that its loop begins"
            )
        nth, self._nth = self._nth, self._nth + 1
        if self.setting.blind:
            given = _without_image(given)
        if self.setting.embedded is not None:
            guidance = torch.full_like(given["guidance"], self.setting.embedded)
            given = given | {"guidance": guidance}
        if nth > int(self._twice):  # for guidance beyond the classifier-free kind: conditional
            return self._counted(forward, given | self._prompts(given, whole=not self.guided))
        if self._twice:
            return self._one_of_two(denoiser, forward, given, nth)
        return self._in_one_batch(denoiser, forward, given)

    def _counted(self, forward: Forward, given: Arguments) -> Any:
        self.run.evaluations += _rows(given)
        return forward(**given)

    def _in_one_batch(self, denoiser: int, forward: Forward, given: Arguments) -> Any:
        setting, conditional = self.setting, self.family.layout.conditional
        guided = self._guided_now
        given = given | self._prompts(given, whole=guided or not self.guided)
        half = setting.half(conditional) if guided else None
        if half is not None:
            residuals = {k: v for k, v in given.items() if k in halves.RESIDUALS}
            given = halves.one_half(given, half, _rows(given))
            if self._residuals_cut:
                given |= residuals
            output = self._counted(forward, given)
            return _changed(output, lambda out: torch.cat([out, out]))
        output = self._counted(forward, given)
        call, scales, scale = self._call, self._scales[denoiser], setting.guidance

        def difference(out: Tensor) -> Tensor:
            if not guided:  # then neither side has any guidance
                return torch.zeros_like(out)
            return halves.difference(*halves.split(out, conditional), scales)

        if call.reflected and call.stage is Stage.PAIR:
            copies = 2 if guided else 1
            return _changed(output, lambda out: torch.cat([difference(out)] * copies))
        if call.reflected and self._yields_pair:
            self._keep_difference([difference(out) for out in _tensors(output)])
        if not guided or scale is None:
            return output
        return _changed(
            output,
            lambda out: torch.cat([halves.guided(*halves.split(out, conditional), scale)] * 2),
        )

    def _one_of_two(self, denoiser: int, forward: Forward, given: Arguments, nth: int) -> Any:
        """The conditional call (the first) or the unconditional one, each a tuple.

        The pipeline holds the first one's output until it has the second one's. What both
        are to be is known only then, so the first is overwritten in place.
        """
        setting, call = self.setting, self._call
        given = given | _known(setting.unconditional if nth else setting.arguments, given)
        enough = setting.half(0) if self.guided else None
        if nth == 0:
            if enough == 1:
                self._held = self._placeholder(denoiser, given)
            else:
                self._held = self._counted(forward, given)
            return self._held
        held, self._held = self._held, ()
        if enough == 0:
            return held
        output = self._counted(forward, given)
        if not self.guided:
            return output
        scales, scale = self._scales[denoiser], setting.guidance
        pairs = list(zip(held, output, strict=True))
        if call.reflected and call.stage is Stage.PAIR:
            results = [halves.difference(c, u, scales) for c, u in pairs]
        elif enough == 1 or scale is None:
            results = [u for _, u in pairs]
        else:
            results = [halves.guided(c, u, scale) for c, u in pairs]
        if call.reflected and self._yields_pair:
            self._keep_difference([halves.difference(c, u, scales) for c, u in pairs])
        if call.stage is not Stage.PAIR and scale is None:
            return output
        for (c, _), result in zip(pairs, results, strict=True):
            c.copy_(result)
        return tuple(c for c, _ in pairs)

    def _prompts(self, given: Arguments, whole: bool) -> Arguments:
        """The setting's arguments that this module takes, of both halves or the conditional."""
        replaced = _known(self.setting.arguments, given)
        return replaced if whole else halves.one_half(replaced, self.family.layout.conditional, 2)

    def _keep_difference(self, differences: list[Tensor]) -> None:
        assert self.facade is not None
        facades = (self.facade, *self.facade.twins)
        for facade, difference in zip(facades, differences, strict=False):
            facade.guidance_difference = difference

    # --- ControlNet --------------------------------------------------------------------------

    def _condition(self, forward: Forward, given: Arguments) -> Any:
        """One call of the ControlNet, before the denoiser's."""
        if self._shown is not None:
            return forward(**given)
        conditional, rows = self.family.layout.conditional, _rows(given)
        doubled = self._guided_now and not given.get("guess_mode")
        scale = self._conditioning_scale(given["conditioning_scale"])
        given = given | self._prompts(given, whole=doubled or not self.guided)
        given["conditioning_scale"] = scale
        half = self.setting.half(conditional) if doubled else None
        if half is not None:
            given = halves.one_half(given, half, rows)
            self._residuals_cut = True
        return forward(**given)

    def _conditioning_scale(self, passed: Any) -> Any:
        """The side's scale, or the call's; 0 outside of the steps that the call says.

        The pipeline reckons those from the denoiser calls that it sees.
        """
        assert self.facade is not None
        nets = len(passed) if isinstance(passed, list) else 1

        def each(name: str, default: float) -> list[float]:
            value = self.arguments.get(name, default)
            return list(value) * nets if isinstance(value, (list, tuple)) else [value] * nets

        scales = each("controlnet_conditioning_scale", 1.0)
        if self.setting.controlnet_scale is not None:
            scales = [self.setting.controlnet_scale] * nets
        at, total = self._call.step - self.facade.first, self.facade.total
        starts, ends = each("control_guidance_start", 0.0), each("control_guidance_end", 1.0)
        now = [
            0.0 if at / total < start or (at + 1) / total > end else scale
            for scale, start, end in zip(scales, starts, ends, strict=False)
        ]
        return now[:nets] if isinstance(passed, list) else now[0]

    # --- progress and callbacks: once a step ---------------------------------------------

    @property
    def steps(self) -> int:
        """Sampler steps of this call."""
        return len(self.pipe.scheduler.timesteps) if self.facade is None else self.facade.total

    def _tell_steps(self) -> None:
        self.pipe._num_timesteps = self.steps

    def progress_bar(self, make: Callable[..., Any], iterable: Any, total: int | None) -> Any:
        """The bar that ``make`` gives, advancing by sampler steps, not denoiser calls."""
        if self._shown is not None:
            return tqdm(iterable, total=total, disable=True)
        self._begun = True
        if self.facade is not None:
            self._leave()
            self._enter(self.facade.current)
        self._bar = make(total=self.steps if iterable is not None or self.facade else total)
        bar = StepBar(self, self._bar)
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
            try:
                return users(pipe, done.step - facade.first, t, tensors) or {}
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
                self._session.step_done()

    def over(self, iterable: Iterable[Any]) -> Iterator[Any]:
        with self:
            for thing in iterable:
                yield thing
                self.update()


class _Shown(Exception):
    """A preparing call has shown what it was made for."""


@contextmanager
def _same_randomness_after(generator: Any) -> Iterator[None]:
    """What is drawn inside is drawn again afterwards."""
    generators = generator if isinstance(generator, (list, tuple)) else [generator]
    states = [(g, g.get_state()) for g in generators if g is not None]
    with torch.random.fork_rng():
        try:
            yield
        finally:
            for g, state in states:
                g.set_state(state)


def _uncompiled(module: Any) -> Any:
    return getattr(module, "_orig_mod", module)


def _rows(given: Arguments) -> int:
    """Of the latents, which are a denoiser's first argument."""
    return len(next(iter(given.values())))


def _of_prompt(given: Arguments) -> Arguments:
    return {name: value for name, value in given.items() if name in halves.PROMPT}


def _without_image(given: Arguments) -> Arguments:
    """UNets without an IP-Adapter pass over the image; transformers fail at it."""
    kwargs = dict(given.get("joint_attention_kwargs") or {})
    if kwargs.pop("ip_adapter_image_embeds", None) is None:
        return given
    return given | {"joint_attention_kwargs": kwargs}


def _known(replaced: Arguments, given: Arguments) -> Arguments:
    return {name: value for name, value in replaced.items() if name in given}


def _tensors(output: Any) -> tuple[Tensor, ...]:
    return output if isinstance(output, tuple) else (output.sample,)


def _changed(output: Any, change: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(output, tuple):
        return tuple(change(out) for out in output)
    output.sample = change(output.sample)
    return output
