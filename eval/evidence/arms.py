"""Ways of sampling, set side by side where the truth is known: on mixtures and on a rare class."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from w2sd_video.core.reflection import Mode, Reflection, Side, Stage
from w2sd_video.core.scheduler import ReflectingScheduler
from w2sd_video.core.steps import Level, transitions

from .panels import Role

Models = Mapping[str, Any]  # denoisers by name: weak, strong and others
Way = tuple[Any, Reflection | None]  # what samples, and how it reflects, if it does


@dataclass(frozen=True)
class Arm:
    """Attributes:
    label: names its row.
    times: multiplies the sampling steps.
    only: of one kind of models; of all where empty.
    """

    label: str
    role: Role
    make: Callable[[Models], Way]
    times: float = 1
    only: str = ""


def plain(name: str) -> Callable[[Models], Way]:
    return lambda models: (models[name], None)


def pair(
    weak: str = "weak", mode: Mode = "exact", steps: float = 1.0, gap: float = 1.0
) -> Callable[[Models], Way]:
    """The strong model samples, and reflects with the one named."""

    def make(models: Models) -> Way:
        side = Side(denoiser=models[weak])
        return models["strong"], Reflection(weak=side, mode=mode, steps=steps, gap=gap)

    return make


def turned(models: Models) -> Way:
    """The strong model samples still, and is pushed along weak − strong."""
    return models["strong"], Reflection(strong=Side(denoiser=models["weak"]), weak=Side())


def cost(reflection: Reflection | None, steps: int) -> int:
    """Evaluations of a denoiser for one sample, without guidance."""
    return (reflection or Reflection(steps=0)).cost(1.0, steps)


def denoise(
    scheduler: Any,
    model: Any,
    reflection: Reflection | None,
    x: Tensor,
    steps: int,
    output: Callable[[Any, Tensor, Tensor, Level], Tensor],
    watch: Callable[[Tensor], None] = lambda x: None,
) -> Tensor:
    """Denoise standard normal numbers as a pipeline's loop does, by the reflecting scheduler.

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
