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
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from diffusers.schedulers.scheduling_utils import SchedulerOutput
from torch import Tensor

from . import steps
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
        on_call: told before each denoiser call which one it is, and None after the last.

    Attributes:
        current, previous: the denoiser call that comes next, and the one that was last.
        guidance_difference: out_s - out_w of a guidance pair, of the sample's shape; whoever
            makes a call that yields both sides' outputs puts it here before ``step``.

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
        on_call: Callable[[Call | None], None] = lambda call: None,
    ) -> None:
        steps.check(inner, reflection.mode)
        self.inner = inner
        self.reflection = reflection
        self.guidance_difference: Tensor | None = None
        self._on_call = on_call
        self._calls: list[Call] = []
        self._at = 0
        self._forget()

    def __deepcopy__(self, memo: dict[int, Any]) -> ReflectingScheduler:
        twin = ReflectingScheduler(copy.deepcopy(self.inner, memo), self.reflection)
        if self._calls:
            twin.plan()
        return twin

    # What pipelines ask of a scheduler --------------------------------------------------

    @property  # type: ignore[misc]  # so that isinstance sees the inner scheduler
    def __class__(self) -> type:  # type: ignore[override]
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
        return self._calls[self._at - 1] if self._at else None

    def plan(self) -> None:
        """Lay out the calls for the inner scheduler's timesteps and start at the first.

        Raises:
            UnsupportedScheduler: if a step that is to reflect has no inverse.
        """
        total = len(self.inner.timesteps)
        count = self.reflection.count(total)
        self._transitions = steps.transitions(self.inner)
        kind = steps.prediction(self.inner)
        self._down = [steps.coefficients(kind, *self._transitions[i]) for i in range(count)]
        if self.reflection.mode == "official":
            # DDIMInverseScheduler.step(out, timesteps[i + 1], x'): one pair of levels late.
            later = [self._transitions[i + 1] for i in range(count)]
            self._up = [steps.coefficients(kind, low, high) for high, low in later]
        stages = self.reflection.stages()
        self._calls = [
            Call(i, stage, i < count)
            for i in range(total)
            for stage in (stages if i < count else (Stage.FINAL,))
        ]
        self._at = 0
        self._forget()
        self._on_call(self.current)

    @property
    def _weak_is_lower(self) -> bool:
        return self.reflection.mode in ("exact", "official")

    def _forget(self) -> None:
        """Drop what is kept from one call of a step to the next."""
        self._x: Tensor | None = None
        self._strong: Tensor | None = None
        self._weak: Tensor | None = None

    def _step(
        self,
        model_output: Tensor,
        timestep: Any,
        sample: Tensor,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        call = self.current
        if call is None:
            raise RuntimeError(
                "the scheduler was stepped past its last timestep; "
                "call set_timesteps before sampling again"
            )
        if call.stage is Stage.FINAL:
            result = self._final(call, model_output, timestep, sample, *args, **kwargs)
            self._forget()
        else:
            # At least float32: in half precision a round trip would cost more than the
            # difference that it is to show.
            latent = self._reflect(call, _wide(model_output), _wide(sample)).to(sample.dtype)
            as_dict = kwargs.get("return_dict", True)
            result = SchedulerOutput(prev_sample=latent) if as_dict else (latent,)
        self._at += 1
        self._on_call(self.current)
        return result

    def _reflect(self, call: Call, out: Tensor, x: Tensor) -> Tensor:
        """The calls before the final one: returns what the loop gets as its latent."""
        gap = self.reflection.gap
        a, b = self._down[call.step]
        if call.stage is Stage.PAIR:
            return reflected(x, self._pair_difference(), a, b, gap)
        if call.stage is Stage.STRONG:
            self._x, self._strong = x, out
            return step_down(x, out, a, b) if self._weak_is_lower else x
        if self.reflection.mode in ("cached", "extrapolate"):
            self._weak = out
            return x
        assert self._x is not None  # STRONG came before WEAK
        assert self._strong is not None
        if self.reflection.mode == "official":
            return reflected_official(self._x, x, out, *self._up[call.step], gap)
        return reflected(self._x, self._strong - out, a, b, gap)

    def _final(
        self, call: Call, out: Tensor, timestep: Any, sample: Tensor, *args: Any, **kwargs: Any
    ) -> Any:
        mode, gap = self.reflection.mode, self.reflection.gap
        if not call.reflected or mode not in ("cached", "extrapolate"):
            return self.inner.step(out, timestep, sample, *args, **kwargs)
        # Here the final call's output may also be the strong side's, or hold both sides'.
        if self._weak is None:
            difference = self._pair_difference()
        else:
            strong = _wide(out) if self._strong is None else self._strong
            difference = strong - self._weak
        if mode == "extrapolate":
            out = extrapolated(_wide(out), difference, gap).to(out.dtype)
            return self.inner.step(out, timestep, sample, *args, **kwargs)
        result = self.inner.step(out, timestep, sample, *args, **kwargs)
        if call.step + 1 == len(self._down):
            return result
        # cached: the next step starts from where this step's difference pushes its sample
        lower = result[0]
        pushed = reflected(_wide(lower), difference, *self._down[call.step + 1], gap)
        if isinstance(result, tuple):
            return (pushed.to(lower.dtype), *result[1:])
        result.prev_sample = pushed.to(lower.dtype)
        return result

    def _pair_difference(self) -> Tensor:
        assert self.guidance_difference is not None  # set by whoever made the call
        return _wide(self.guidance_difference)


def _wide(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))
