"""Gaussian mixtures with exact denoisers: reflection can be watched without any training."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)  # compared as one object: tensors have no single truth
class Mixture:
    """Equal isotropic Gaussians at ``means`` ``(k, d)`` with ``weights`` ``(k,)``."""

    means: Tensor
    weights: Tensor
    std: float

    def epsilon(self, x: Tensor, a: float, s: float) -> Tensor:
        """The ideal noise prediction ``(n, d)`` at ``x = a x0 + s eps``."""
        variance = (a * self.std) ** 2 + s**2
        means = a * self.means
        # The log-densities of the modes, but for |x|^2, which they share.
        logits = self.weights.log() + (x @ means.T - means.square().sum(-1) / 2) / variance
        return s * (x - logits.softmax(dim=1) @ means) / variance

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """``(n, d)`` samples."""
        which = torch.multinomial(self.weights, n, replacement=True, generator=generator)
        noise = torch.randn(n, self.means.shape[1], generator=generator, dtype=self.means.dtype)
        return self.means[which] + self.std * noise

    def nearest(self, x: Tensor) -> Tensor:
        """``(n,)``: which mean each sample is nearest to."""
        return (x[:, None] - self.means).square().sum(-1).argmin(dim=1)

    def mass(self, x: Tensor) -> Tensor:
        """``(k,)``: share of the samples nearest to each mean."""
        return torch.bincount(self.nearest(x), minlength=len(self.means)) / len(x)

    def density(self, x: Tensor) -> Tensor:
        """``(n,)``: the probability density at ``x``."""
        squares = (x[:, None] - self.means).square().sum(-1) / (2 * self.std**2)
        unit = (2 * math.pi * self.std**2) ** (x.shape[1] / 2)
        return (self.weights * (-squares).exp()).sum(dim=1) / unit


def corners(*weights: float) -> Mixture:
    """Three Gaussians in the plane, far apart: top, lower left, lower right."""
    angles = torch.arange(3, dtype=torch.float64) * 2 * math.pi / 3 + math.pi / 2
    means = 4 * torch.stack([angles.cos(), angles.sin()], dim=1)
    return Mixture(means, torch.tensor(weights, dtype=torch.float64), std=0.5)


def line(left: float) -> Mixture:
    """Two Gaussians on a line at ±4, ``left`` of the mass in the left one."""
    means = torch.tensor([[-4.0], [4.0]], dtype=torch.float64)
    return Mixture(means, torch.tensor([left, 1 - left], dtype=torch.float64), std=1.0)
