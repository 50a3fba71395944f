"""Gaussian mixtures with exact denoisers: reflection can be watched without any training."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from w2sd_video.core.reflection import Reflection, Stage
from w2sd_video.core.scheduler import ReflectingScheduler


@dataclass(frozen=True)
class Mixture:
    """Equal isotropic Gaussians at ``means`` ``(k, d)`` with ``weights`` ``(k,)``."""

    means: Tensor
    weights: Tensor
    std: float

    def epsilon(self, x: Tensor, a: float, s: float) -> Tensor:
        """The ideal noise prediction at ``x = a x0 + s eps``."""
        variance = (a * self.std) ** 2 + s**2
        offset = x[:, None] - a * self.means
        logits = self.weights.log() - offset.square().sum(-1) / (2 * variance)
        posterior = logits.softmax(dim=1)
        return s * (posterior[..., None] * offset).sum(dim=1) / variance

    def mass(self, x: Tensor) -> Tensor:
        """Share of the samples nearest to each mean."""
        nearest = (x[:, None] - self.means).square().sum(-1).argmin(dim=1)
        return torch.bincount(nearest, minlength=len(self.means)) / len(x)


def sample(
    scheduler: object,
    strong: Mixture,
    weak: Mixture | None = None,
    reflection: Reflection | None = None,
    *,
    n: int = 8000,
    steps: int = 50,
) -> Tensor:
    """Sample as a pipeline's loop does; a ``reflection`` needs ``weak``."""
    facade = scheduler if reflection is None else ReflectingScheduler(scheduler, reflection)
    facade.set_timesteps(steps)
    x = torch.randn(n, strong.means.shape[1], generator=torch.Generator().manual_seed(0))
    x = x.double() * facade.init_noise_sigma
    for t in facade.timesteps:
        cumulative = float(scheduler.alphas_cumprod[int(t)])
        a, s = cumulative**0.5, (1 - cumulative) ** 0.5
        model = strong
        if reflection is not None and facade.current.stage is Stage.WEAK:
            model = weak
        x = facade.step(model.epsilon(x, a, s), t, x).prev_sample
    return x


def distance(mass: Tensor, truth: Tensor) -> float:
    """Total variation between two discrete distributions."""
    return float((mass - truth).abs().sum() / 2)
