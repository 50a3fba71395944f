"""A facade that makes any first-order scheduler reflect.

Diffusers' pipelines loop over ``scheduler.timesteps``: model call, then ``scheduler.step``.
The facade shows every reflected timestep as many times as its mode has denoiser calls
(``Reflection.stages``), as second-order schedulers do, so that a pipeline's own untouched
loop makes the strong, the weak and the final call. The inner scheduler steps once, in the
final stage: multistep histories and random numbers stay as they are.
"""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from diffusers.schedulers.scheduling_utils import SchedulerOutput
from torch import Tensor

from . import steps
from .effective import effective_guidance, effective_output
from .formula import extrapolated, reflected, reflected_official, step_down
from .reflection import Reflection, Stage


@dataclass(frozen=True)
class Call:
    """One denoiser call: the ``stage`` of step ``step`` (counted from 0), reflected or not."""

    step: int
    stage: Stage
    reflected: bool


class ReflectingScheduler:
    """Stands in for ``inner``; everything not defined here is the inner scheduler's.

    Args:
        inner: a first-order diffusers scheduler.
        reflection: what to do.
        stages: the denoiser calls of a reflected step; by default the reflection's own.
        strength: of a pipeline that starts from a given image or video: the fraction of the
            steps that it takes, the last ones. None takes all.
        on_call: told before each denoiser call which one it is, and None after the last.
        on_guidance: told the effective guidance ``(b,)`` of each step whose halves are known.

    Attributes:
        current, previous: the denoiser call that comes next, and the one that was last.
        guidance_difference: out_s - out_w of a guidance pair, where the final call yields
            both sides' outputs; whoever makes that call puts it here before ``step``.
        halves: the conditional and the unconditional output at the step's own latent, which
            whoever makes the calls puts here; None until it is known.
        twins: facades around copies of the inner scheduler (LTX2 steps its audio with one).

    Raises:
        UnsupportedScheduler: if the inner scheduler's steps cannot be reflected.
    """

    order = 1  # of the calls that are shown; callers with timesteps of their own rely on it

    def __new__(cls, inner: Any, *_: Any, **__: Any) -> ReflectingScheduler:
        # Pipelines ask which methods a scheduler has and what arguments they take, so the
        # facade has exactly the inner one's, with its signatures.
        methods = {
            name: functools.wraps(getattr(type(inner), name))(getattr(cls, f"_{name}"))
            for name in ("step", "set_timesteps", "scale_model_input")
            if hasattr(inner, name)
        }
        made: ReflectingScheduler = object.__new__(type(cls.__name__, (cls,), methods))
        return made

    def __init__(
        self,
        inner: Any,
        reflection: Reflection,
        stages: tuple[Stage, ...] | None = None,
        strength: float | None = None,
        on_call: Callable[[Call | None], None] = lambda call: None,
        on_guidance: Callable[[Tensor], None] | None = None,
    ) -> None:
        steps.check(inner, reflection.mode)
        self.inner = inner
        self.reflection = reflection
        self.guidance_difference: Tensor | None = None
        self.twins: list[ReflectingScheduler] = []
        self._stages = reflection.stages() if stages is None else stages
        self._strength = strength
        self._on_call = on_call
        self._on_guidance = on_guidance
        self._calls: list[Call] = []
        self._at = 0
        self._unpushed: Tensor | None = None
        self._forget()

    def __deepcopy__(self, memo: dict[int, Any]) -> ReflectingScheduler:
        inner = copy.deepcopy(self.inner, memo)
        twin = ReflectingScheduler(inner, self.reflection, self._stages, self._strength)
        if self._calls:
            twin.plan()
        self.twins.append(twin)
        return twin

    # What pipelines ask of a scheduler --------------------------------------------------

    @property  # type: ignore[misc]  # so that isinstance sees the inner scheduler
    def __class__(self) -> type:
        return type(self.inner)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["inner"], name)

    def __len__(self) -> int:
        return len(self.inner)

    @property
    def timesteps(self) -> Tensor:
        """The inner scheduler's, each as often as it is shown."""
        rows = [call.step for call in self._calls]
        return self.inner.timesteps[rows] if rows else self.inner.timesteps

    @property
    def sigmas(self) -> Tensor:
        """Likewise; the level that the last step goes to stands at the end."""
        rows = [call.step for call in self._calls]
        return self.inner.sigmas[[*rows, rows[-1] + 1]] if rows else self.inner.sigmas

    def _set_timesteps(self, *args: Any, **kwargs: Any) -> None:
        self.inner.set_timesteps(*args, **kwargs)
        self.plan()

    def _scale_model_input(self, sample: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        call = self.current
        if call is not None and call.stage is Stage.WEAK and self._weak_is_lower:
            # This latent lies at the next level already, whatever the timestep says.
            return sample * steps.input_scale(self.inner, self._transitions[call.step][1])
        return self.inner.scale_model_input(sample, *args, **kwargs)

    # The reflection ---------------------------------------------------------------------

    @property
    def current(self) -> Call | None:
        """The denoiser call that comes next; None when there is none."""
        return self._calls[self._at] if self._at < len(self._calls) else None

    @property
    def previous(self) -> Call | None:
        """The denoiser call whose output was stepped with last; None before the first."""
        return self._calls[self._at - 1] if self._at > self.first else None

    @property
    def first(self) -> int:
        """The step that sampling starts with: not 0 if a given video is only half noised."""
        total = len(self.inner.timesteps)
        if self._strength is None:
            return 0
        return max(total - min(int(total * self._strength), total), 0)

    @property
    def total(self) -> int:
        """How many steps are taken."""
        return len(self.inner.timesteps) - self.first

    def plan(self) -> None:
        """Lay out the calls for the inner scheduler's timesteps and start at the first.

        Raises:
            UnsupportedScheduler: if a step that is to reflect has no inverse.
        """
        reflects = range(self.first, self.first + self.reflection.count(self.total))
        self._transitions = steps.transitions(self.inner)
        kind = steps.prediction(self.inner)
        self._down = {i: steps.coefficients(kind, *self._transitions[i]) for i in reflects}
        if self.reflection.mode == "official":
            # DDIMInverseScheduler.step(out, timesteps[i + 1], x'): one pair of levels late.
            later = {i: self._transitions[i + 1] for i in reflects}
            self._up = {i: steps.coefficients(kind, low, high) for i, (high, low) in later.items()}
        # Steps before the first are shown once, for the pipeline to cut off.
        self._calls = [
            Call(i, stage, i in reflects)
            for i in range(len(self.inner.timesteps))
            for stage in (self._stages if i in reflects else (Stage.FINAL,))
        ]
        self._at = self.first
        self._unpushed = None
        self._forget()
        self._on_call(self.current)

    @property
    def _weak_is_lower(self) -> bool:
        return self.reflection.mode in ("exact", "official")

    def _forget(self) -> None:
        """Drop what is kept from one call of a step to the next."""
        self.halves: tuple[Tensor, Tensor] | None = None
        self._x: Tensor | None = None
        self._strong: Tensor | None = None
        self._weak: Tensor | None = None

    def _step(self, model_output: Tensor, *args: Any, **kwargs: Any) -> Any:
        call = self.current
        if call is None:
            raise RuntimeError(
                "the scheduler was stepped past its last timestep; "
                "call set_timesteps before sampling again"
            )
        given = self._signature.bind(self.inner, model_output, *args, **kwargs).arguments
        sample = given["sample"]
        if call.stage is Stage.FINAL:
            given.pop("self")
            result = self._final(call, given | given.pop("kwargs", {}))
            self._forget()
        else:
            # At least float32: in half precision a round trip would cost more than the
            # difference that it is to show.
            latent = self._reflect(call, _wide(model_output), _wide(sample)).to(sample.dtype)
            if "old_pred_original_sample" in given:  # CogVideoX-DPM: its history stays as it is
                result = (latent, given["old_pred_original_sample"])
            elif given.get("return_dict", True):
                result = SchedulerOutput(prev_sample=latent)
            else:
                result = (latent,)
        self._at += 1
        self._on_call(self.current)
        return result

    @functools.cached_property
    def _signature(self) -> inspect.Signature:
        return inspect.signature(type(self.inner).step)

    def _reflect(self, call: Call, out: Tensor, x: Tensor) -> Tensor:
        """The calls before the final one: returns what the loop gets as its latent."""
        gap = self.reflection.gap
        a, b = self._down[call.step]
        if call.stage is Stage.PAIR:
            self._unpushed = x
            return reflected(x, out, a, b, gap)  # whoever made the call put strong - weak there
        if call.stage is Stage.STRONG:
            self._x, self._strong = x, out
            return step_down(x, out, a, b) if self._weak_is_lower else x
        if self.reflection.mode in ("cached", "extrapolate"):
            self._weak = out
            return x
        assert self._x is not None  # STRONG came before WEAK
        assert self._strong is not None
        self._unpushed = self._x
        if self.reflection.mode == "official":
            return reflected_official(self._x, x, out, *self._up[call.step], gap)
        return reflected(self._x, self._strong - out, a, b, gap)

    def _final(self, call: Call, given: dict[str, Any]) -> Any:
        """The one call of the inner scheduler's ``step``, with its arguments by name."""
        mode, gap = self.reflection.mode, self.reflection.gap
        unpushed, self._unpushed = self._unpushed, None
        self._carry_push(call, given["sample"], unpushed)
        if given.get("timestep_back") is not None:  # CogVideoX-DPM: the step before, not the call
            given["timestep_back"] = self.inner.timesteps[call.step - 1]
        if not call.reflected or mode not in ("cached", "extrapolate"):
            self._tell_guidance(call, given, unpushed)
            return self.inner.step(**given)
        # Here the final call's output may also be the strong side's, or hold both sides'.
        out = given["model_output"]
        if self._weak is None:
            difference = self._pair_difference(given["sample"])
        else:
            strong = _wide(out) if self._strong is None else self._strong
            difference = strong - self._weak
        if mode == "extrapolate":
            given["model_output"] = extrapolated(_wide(out), difference, gap).to(out.dtype)
            self._tell_guidance(call, given, unpushed)
            return self.inner.step(**given)
        self._tell_guidance(call, given, unpushed)
        result = self.inner.step(**given)
        if call.step + 1 not in self._down:
            return result
        # cached: the next step starts from where this step's difference pushes its sample
        lower = result[0]
        pushed = reflected(_wide(lower), difference, *self._down[call.step + 1], gap)
        self._unpushed = _wide(lower)
        if isinstance(result, tuple):
            return (pushed.to(lower.dtype), *result[1:])
        result.prev_sample = pushed.to(lower.dtype)
        return result

    def _tell_guidance(self, call: Call, given: dict[str, Any], unpushed: Tensor | None) -> None:
        """Of the step that is about to be taken, if its halves are known."""
        if self._on_guidance is None or self.halves is None:
            return
        out, sample = _wide(given["model_output"]), _wide(given["sample"])
        cond, uncond = (_wide(half)[:, : sample.shape[1]] for half in self.halves)
        out = out[:, : sample.shape[1]]  # the rest is a learned variance
        if out.shape != cond.shape:
            return  # DiT steps both halves
        if unpushed is not None and call.step in self._down:
            a, b = self._down[call.step]
            if b == 0:
                return  # a step that goes nowhere, whatever the output
            out = effective_output(out, sample, unpushed, a, b)
        self._on_guidance(effective_guidance(out, cond, uncond))

    def _carry_push(self, call: Call, sample: Tensor, unpushed: Tensor | None) -> None:
        """Keep UniPC's corrector from undoing the reflection.

        It makes the sample anew from the one before, ``k`` times that plus model outputs, so
        the push has to be in that one too.
        """
        last = getattr(self.inner, "last_sample", None)
        if unpushed is None or last is None or call.step == self.first:
            return
        before, here = self._transitions[call.step - 1][0], self._transitions[call.step][0]
        k = here.s / before.s if self.inner.config.predict_x0 else here.a / before.a
        self.inner.last_sample = (_wide(last) + (_wide(sample) - unpushed) / k).to(last.dtype)

    def _pair_difference(self, sample: Tensor) -> Tensor:
        """In the sample's shape: without a learned variance, one row for every sample."""
        assert self.guidance_difference is not None  # set by whoever made the call
        difference = _wide(self.guidance_difference)
        if difference.shape[1] == 2 * sample.shape[1]:
            difference = difference.chunk(2, dim=1)[0]
        if sample.shape[0] == 2 * difference.shape[0]:  # DiT steps both halves
            difference = torch.cat([difference, difference])
        return difference


def _wide(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))
