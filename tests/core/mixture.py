"""Gaussian mixtures with exact denoisers: reflection can be watched without any training."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from diffusers import DDIMScheduler
from torch import Tensor

from w2sd_video.core.reflection import MODES, Reflection, Side, Stage
from w2sd_video.core.scheduler import ReflectingScheduler
from w2sd_video.core.steps import transitions


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
    facade = ReflectingScheduler(scheduler, reflection or Reflection(steps=0))
    facade.set_timesteps(steps)
    levels = [here for here, _ in transitions(scheduler)]
    x = torch.randn(n, strong.means.shape[1], generator=torch.Generator().manual_seed(0))
    x = x.double() * facade.init_noise_sigma
    for t in facade.timesteps:
        call = facade.current
        model = weak if call.stage is Stage.WEAK else strong
        level = levels[call.step]
        x = facade.step(model.epsilon(x, level.a, level.s), t, x).prev_sample
    return x


def distance(mass: Tensor, truth: Tensor) -> float:
    """Total variation between two discrete distributions."""
    return float((mass - truth).abs().sum() / 2)


def corners(*weights: float) -> Mixture:
    """Three Gaussians in the plane, far apart."""
    angles = torch.arange(3, dtype=torch.float64) * 2 * math.pi / 3 + math.pi / 2
    means = 4 * torch.stack([angles.cos(), angles.sin()], dim=1)
    return Mixture(means, torch.tensor(weights, dtype=torch.float64), std=0.5)


TRUTH = torch.full((3,), 1 / 3, dtype=torch.float64)
STRONG, WEAK = corners(0.45, 0.35, 0.20), corners(0.60, 0.35, 0.05)
OTHER = Side(denoiser="the weak one")


BETAS = {"beta_start": 1e-4, "beta_end": 0.02, "beta_schedule": "linear"}


def ddim() -> DDIMScheduler:
    return DDIMScheduler(**BETAS, clip_sample=False, set_alpha_to_one=False, steps_offset=1)


def off(
    reflection: Reflection | None,
    strong: Mixture,
    weak: Mixture,
    steps: int = 50,
    scheduler: object | None = None,
) -> float:
    """Total variation to the truth of what a pair in the plane samples, by DDIM or another."""
    scheduler = scheduler or ddim()
    return distance(strong.mass(sample(scheduler, strong, weak, reflection, steps=steps)), TRUTH)


def main() -> None:
    """Print the table of docs/method.md."""
    print(f"strong {off(None, STRONG, WEAK):.3f}, 150 steps {off(None, STRONG, WEAK, 150):.3f}")
    for mode in MODES:
        whole, half = (Reflection(weak=OTHER, mode=mode, steps=s) for s in (1.0, 0.5))
        print(
            f"{mode:12} all {off(whole, STRONG, WEAK):.3f}  half {off(half, STRONG, WEAK):.3f}"
            f"  weak = strong {off(whole, STRONG, STRONG):.3f}"
            f"  reversed {off(whole, WEAK, STRONG):.3f}"
        )


if __name__ == "__main__":
    main()
