"""How far samples are from the true distribution: its masses, its shape, the modes' widths."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .mixture import Mixture

DIRECTIONS = 16  # of projections, in the plane
QUANTILES = 1000


def distance(mass: Tensor, truth: Tensor) -> float:
    """Total variation between two discrete distributions."""
    return float((mass - truth).abs().sum() / 2)


def off(x: Tensor, truth: Mixture) -> float:
    """Total variation between the modes' masses and the true ones; blind to the modes' shapes."""
    return distance(truth.mass(x), truth.weights)


class Transport:
    """Wasserstein-1 distance to a mixture, sliced in the plane: sees masses, places and shapes.

    It is the mean distance between equal quantiles along each of a few directions, in the unit
    of x. Finite samples of the truth itself have some, too: see the rows of the ideal.
    """

    def __init__(self, truth: Mixture) -> None:
        d = truth.means.shape[1]
        angles = torch.arange(DIRECTIONS, dtype=torch.float64) * math.pi / DIRECTIONS
        directions = torch.stack([angles.cos(), angles.sin()])
        self._directions = torch.ones(1, 1, dtype=torch.float64) if d == 1 else directions
        self._at = (torch.arange(QUANTILES, dtype=torch.float64) + 0.5) / QUANTILES
        drawn = truth.draw(200_000, torch.Generator().manual_seed(0))
        self._truth = self._quantiles(drawn)

    def _quantiles(self, x: Tensor) -> Tensor:
        return torch.quantile(x @ self._directions, self._at, dim=0)

    def __call__(self, x: Tensor) -> float:
        return float((self._quantiles(x) - self._truth).abs().mean())


def width(x: Tensor, truth: Mixture) -> float:
    """Root mean square distance to the nearest mode's mean sample, over the true one; 1 is right.

    Clusters that are narrower have lost variety, whatever their masses.
    """
    nearest = truth.nearest(x)
    total = torch.zeros((), dtype=x.dtype)
    for mode in range(len(truth.means)):
        members = x[nearest == mode]
        if len(members):
            total = total + (members - members.mean(0)).square().sum()
    return float((total / x.numel()).sqrt()) / truth.std
