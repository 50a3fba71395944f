"""Samples pictures, plainly or with reflection, as a pipeline's loop does."""

from __future__ import annotations

import torch
from torch import Tensor

from w2sd_video.core.reflection import Reflection
from w2sd_video.core.steps import Level

from ..loop import denoise
from .pictures import SIDE
from .training import Model, scheduler

BATCH = 128  # at once; more would not fit a processor's cache


def noise(count: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 1, SIDE, SIDE, generator=generator)


def sample(model: Model, reflection: Reflection | None, start: Tensor, steps: int) -> Tensor:
    """Denoise ``start``.

    Args:
        model: what samples; a side without a denoiser of its own has it, too.
        reflection: its sides' denoisers are Models.
    """

    def output(denoiser: Model, x: Tensor, t: Tensor, _: Level) -> Tensor:
        made: Tensor = denoiser(x, t)
        return made

    return torch.cat(
        [
            denoise(scheduler(), model, reflection, part, steps, output)
            for part in start.split(BATCH)
        ]
    )
