"""Sample from denoisers on known distributions, as a pipeline's loop does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch
from diffusers import DDIMScheduler
from torch import Tensor

from w2sd_video.core.reflection import Reflection
from w2sd_video.core.steps import Level

from ..loop import denoise

BETAS = {"beta_start": 1e-4, "beta_end": 0.02, "beta_schedule": "linear"}


class Denoiser(Protocol):
    """Whatever predicts noise: an exact mixture, or a trained network."""

    def epsilon(self, x: Tensor, a: float, s: float) -> Tensor:
        """The noise ``(n, d)`` in ``x = a x0 + s eps``."""
        ...


def ddim() -> DDIMScheduler:
    return DDIMScheduler(**BETAS, clip_sample=False, set_alpha_to_one=False, steps_offset=1)


def noise(n: int, d: int, seed: int = 0) -> Tensor:
    """``(n, d)`` standard normal numbers."""
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed)).double()


def sample(
    scheduler: Any,
    model: Denoiser,
    reflection: Reflection | None = None,
    *,
    noise: Tensor,
    steps: int = 50,
    watch: Callable[[Tensor], None] = lambda x: None,
) -> Tensor:
    """Denoise ``noise`` ``(n, d)``; see ``denoise``.

    Args:
        model: what samples; a side without a denoiser of its own has it, too.
        reflection: its sides' denoisers are ``Denoiser``s.
        watch: is told the samples at first and after every step.
    """

    def output(denoiser: Denoiser, x: Tensor, _: Tensor, level: Level) -> Tensor:
        return denoiser.epsilon(x, level.a, level.s)

    return denoise(scheduler, model, reflection, noise, steps, output, watch)
