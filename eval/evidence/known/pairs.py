"""Pairs of models on a family of mixtures, and how far off a reflection leaves them."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from w2sd_video.core.reflection import Reflection

from ..measured import Measured
from .distances import off
from .mixture import Mixture
from .sampling import Denoiser, ddim, noise, sample


@dataclass(frozen=True)
class Size:
    """``n`` samples in each of ``repeats`` repetitions."""

    n: int
    repeats: int


def masses_off(
    truth: Mixture,
    model: Denoiser,
    reflection: Reflection | None,
    size: Size,
    seed: int,
    steps: int = 50,
) -> Measured:
    """Total variation between the modes' masses and the true ones.

    Repetitions differ in their noise, which is the same for every pair and reflection, and are
    sampled side by side.
    """
    d = truth.means.shape[1]
    starts = [noise(size.n, d, 1000 * seed + repeat) for repeat in range(size.repeats)]
    x = sample(ddim(), model, reflection, noise=torch.cat(starts), steps=steps)
    return Measured.of([off(part, truth) for part in x.split(size.n)])
