"""A pipeline's loop, for denoisers that have no pipeline."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from w2sd_video.core.reflection import Reflection, Stage
from w2sd_video.core.scheduler import ReflectingScheduler
from w2sd_video.core.steps import Level, transitions


def denoise(
    scheduler: Any,
    model: Any,
    reflection: Reflection | None,
    x: Tensor,
    steps: int,
    output: Callable[[Any, Tensor, Tensor, Level], Tensor],
    watch: Callable[[Tensor], None] = lambda x: None,
) -> Tensor:
    """Denoise standard normal numbers through the reflecting scheduler.

    Args:
        model: what samples; a side without a denoiser of its own has it, too.
        output: of a denoiser at x, given the timestep and its level of noise.
        watch: is told the samples at first and after every step.
    """
    reflection = reflection or Reflection(steps=0)
    sides = {Stage.STRONG: reflection.strong.denoiser, Stage.WEAK: reflection.weak.denoiser}
    facade = ReflectingScheduler(scheduler, reflection)
    facade.set_timesteps(steps)
    levels = [here for here, _ in transitions(scheduler)]
    x = x * facade.init_noise_sigma
    watch(x)
    for t in facade.timesteps:
        call = facade.current
        assert call is not None
        denoiser = sides.get(call.stage) or model
        x = facade.step(output(denoiser, x, t, levels[call.step]), t, x).prev_sample
        if call.stage is Stage.FINAL:
            watch(x)
    return x
