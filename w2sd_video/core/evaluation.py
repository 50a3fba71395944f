"""Denoiser and ControlNet calls, carried out as the stage in force has them.

Of the two halves of classifier-free guidance only those are evaluated of which the stage's
output is made. The pipeline then combines two halves by its own scale, so it is handed two
that come out as the stage's own guidance.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from . import halves
from .reflection import Stage
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
        began: ``time.perf_counter()`` before the first evaluation; 0 before there was one.
        ended: after the latest; an accelerator may still be at it.
        guidance: the effective guidance of each step and clip, ``(b,)`` each, see
            ``effective.py``; of reflecting calls, where both halves were evaluated.
    """

    evaluations: int = 0
    steps: int = 0
    began: float = 0.0
    ended: float = 0.0
    guidance: list[Tensor] = field(default_factory=list)

    def counted(self, forward: Forward, given: Arguments) -> Any:
        """A denoiser's output."""
        self.began = self.began or time.perf_counter()
        self.evaluations += _rows(given)
        output = forward(**given)
        self.ended = time.perf_counter()
        return output


@dataclass(frozen=True)
class Guided:
    """How a pipeline call is guided.

    Attributes:
        halves: whether the pipeline asks for both halves of classifier-free guidance.
        twice: whether it makes two calls of its denoiser in a step.
        scales: strong and weak guidance at each denoiser.
        yields_pair: whether a reflected step's final call yields both sides' outputs.
    """

    halves: bool
    twice: bool
    scales: list[tuple[float, float]]
    yields_pair: bool


class Evaluator:
    """Makes the denoiser calls of a pipeline that reflects.

    Args:
        call: the pipeline call's arguments by name.
        run: where evaluations are counted.
        facade: knows which denoiser call comes next; takes the difference of a guidance pair.
    """

    def __init__(
        self, pipe: Any, call: Arguments, run: Run, facade: ReflectingScheduler, guided: Guided
    ) -> None:
        self.pipe, self.family, self.call = pipe, pipe.family, call
        self.run, self.facade, self.guided = run, facade, guided
        self.begin(Setting())

    def begin(self, setting: Setting) -> None:
        """A stage begins; ``setting`` is in force until the next one does."""
        self.setting = setting
        self._nth = 0  # denoiser calls of this stage so far
        self._held: tuple[Tensor, ...] = ()  # outputs of a conditional call, until the other
        self._residuals_cut = False

    @property
    def _call(self) -> Call:
        assert self.facade.current is not None
        return self.facade.current

    @property
    def _sees_both(self) -> bool:
        """Whether two halves are asked for; callbacks may end guidance half-way."""
        return self.guided.halves and getattr(self.pipe, "do_classifier_free_guidance", True)

    # --- the denoiser --------------------------------------------------------------------

    def denoise(self, denoiser: int, forward: Forward, given: Arguments) -> Any:
        """One call of a denoiser by the pipeline."""
        nth, self._nth = self._nth, self._nth + 1
        if self.setting.blind:
            given = _without_image(given)
        if self.setting.embedded is not None:
            guidance = torch.full_like(given["guidance"], self.setting.embedded)
            given = given | {"guidance": guidance}
        if nth > int(self.guided.twice):  # for guidance beyond the classifier-free kind: cond
            prompts = self._prompts(given, whole=not self.guided.halves)
            return self.run.counted(forward, given | prompts)
        if self.guided.twice:
            return self._one_of_two(denoiser, forward, given, nth)
        return self._in_one_batch(denoiser, forward, given)

    def _in_one_batch(self, denoiser: int, forward: Forward, given: Arguments) -> Any:
        setting, conditional = self.setting, self.family.layout.conditional
        both = self._sees_both
        given = given | self._prompts(given, whole=both or not self.guided.halves)
        half = setting.half(conditional) if both else None
        if half is not None:
            residuals = {k: v for k, v in given.items() if k in halves.RESIDUALS}
            given = halves.one_half(given, half, _rows(given))
            if self._residuals_cut:
                given |= residuals
            output = self.run.counted(forward, given)
            return _changed(output, lambda out: torch.cat([out, out]))
        output = self.run.counted(forward, given)
        if both:
            self._keep_halves(*halves.split(_tensors(output)[0], conditional))
        call, scales, scale = self._call, self.guided.scales[denoiser], setting.guidance

        def difference(out: Tensor) -> Tensor:
            if not both:  # then neither side has any guidance
                return torch.zeros_like(out)
            return halves.difference(*halves.split(out, conditional), scales)

        if call.reflected and call.stage is Stage.PAIR:
            copies = 2 if both else 1
            return _changed(output, lambda out: torch.cat([difference(out)] * copies))
        if call.reflected and self.guided.yields_pair:
            self._keep_difference([difference(out) for out in _tensors(output)])
        if not both or scale is None:
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
        if self.guided.halves and not self._sees_both:  # the second one does not come
            return self._without_guidance(self.run.counted(forward, given))
        enough = setting.half(0) if self.guided.halves else None
        if nth == 0:
            if enough == 1:
                self._held = self._unevaluated(denoiser, given)
            else:
                self._held = self.run.counted(forward, given)
            return self._held
        held, self._held = self._held, ()
        if enough == 0:
            return held
        output = self.run.counted(forward, given)
        if not self.guided.halves:
            return output
        scales, scale = self.guided.scales[denoiser], setting.guidance
        pairs = list(zip(held, output, strict=True))
        if enough is None:
            self._keep_halves(pairs[0][0].clone(), pairs[0][1])  # cond is overwritten below
        if call.reflected and call.stage is Stage.PAIR:
            results = [halves.difference(c, u, scales) for c, u in pairs]
        elif enough == 1 or scale is None:
            results = [u for _, u in pairs]
        else:
            results = [halves.guided(c, u, scale) for c, u in pairs]
        if call.reflected and self.guided.yields_pair:
            self._keep_difference([halves.difference(c, u, scales) for c, u in pairs])
        if call.stage is not Stage.PAIR and scale is None:
            return output
        for (c, _), result in zip(pairs, results, strict=True):
            c.copy_(result)
        return tuple(c for c, _ in pairs)

    def _without_guidance(self, output: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Where the call has ended it, of both sides: a pair in guidance is equal then."""
        if not self._call.reflected:
            return output
        nothing = tuple(torch.zeros_like(out) for out in output)
        if self.guided.yields_pair:
            self._keep_difference([out.float() for out in nothing])
        return nothing if self._call.stage is Stage.PAIR else output

    def _prompts(self, given: Arguments, whole: bool) -> Arguments:
        """The setting's arguments that this module takes, of both halves or the conditional."""
        replaced = _known(self.setting.arguments, given)
        return replaced if whole else halves.one_half(replaced, self.family.layout.conditional, 2)

    def _keep_halves(self, cond: Tensor, uncond: Tensor) -> None:
        """A step's first; but the weak side's are those of another latent."""
        if self.facade.halves is None and self._call.stage is not Stage.WEAK:
            self.facade.halves = cond, uncond

    def _keep_difference(self, differences: list[Tensor]) -> None:
        facades = (self.facade, *self.facade.twins)
        for facade, difference in zip(facades, differences, strict=False):
            facade.guidance_difference = difference

    def _unevaluated(self, denoiser: int, given: Arguments) -> tuple[Tensor]:
        config = getattr(self.pipe, self.family.denoisers[denoiser]).config
        return halves.unevaluated(given, config)

    # --- ControlNet ----------------------------------------------------------------------

    def condition(self, forward: Forward, given: Arguments) -> Any:
        """One call of the ControlNet, before the denoiser's."""
        conditional, rows = self.family.layout.conditional, _rows(given)
        doubled = self._sees_both and not given.get("guess_mode")
        scale = self._conditioning_scale(given["conditioning_scale"])
        given = given | self._prompts(given, whole=doubled or not self.guided.halves)
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
        nets = len(passed) if isinstance(passed, list) else 1

        def each(name: str, default: float) -> list[float]:
            return spread(self.call.get(name, default), nets)

        scales = each("controlnet_conditioning_scale", 1.0)
        if self.setting.controlnet_scale is not None:
            scales = spread(self.setting.controlnet_scale, nets)
        at, total = self._call.step - self.facade.first, self.facade.total
        starts, ends = each("control_guidance_start", 0.0), each("control_guidance_end", 1.0)
        now = [
            0.0 if at / total < start or (at + 1) / total > end else scale
            for scale, start, end in zip(scales, starts, ends, strict=False)
        ]
        return now[:nets] if isinstance(passed, list) else now[0]


def spread(value: Any, nets: int) -> list[float]:
    """One for each ControlNet of what may be one for all."""
    return list(value) if isinstance(value, (list, tuple)) else [value] * nets


def _rows(given: Arguments) -> int:
    """Of the latents, which are a denoiser's first argument."""
    return len(next(iter(given.values())))


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
