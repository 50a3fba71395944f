"""Samples pictures, plainly or with reflection, as a pipeline's loop does."""

from __future__ import annotations

import torch
from torch import Tensor

from w2sd_video.core.reflection import Reflection, Stage
from w2sd_video.core.scheduler import ReflectingScheduler

from .pictures import SIDE
from .training import Model, scheduler

BATCH = 128  # at once; more would not fit a processor's cache


def noise(count: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 1, SIDE, SIDE, generator=generator)


def sample(
    model: Model, reflection: Reflection | None, start: Tensor, steps: int
) -> tuple[Tensor, int]:
    """Denoise ``start``.

    Args:
        model: what samples; a side without a denoiser of its own has it, too.
        reflection: its sides' denoisers are Models.

    Returns:
        the pictures, and evaluations of a denoiser for each.
    """
    reflection = reflection or Reflection(steps=0)
    sides = {Stage.STRONG: reflection.strong.denoiser, Stage.WEAK: reflection.weak.denoiser}
    done = []
    evaluations = 0
    for x in start.split(BATCH):
        facade = ReflectingScheduler(scheduler(), reflection)
        facade.set_timesteps(steps)
        evaluations = 0
        for t in facade.timesteps:
            call = facade.current
            assert call is not None
            denoiser: Model = sides.get(call.stage) or model
            x = facade.step(denoiser(x, t), t, x).prev_sample
            evaluations += 1
        done.append(x)
    return torch.cat(done), evaluations
