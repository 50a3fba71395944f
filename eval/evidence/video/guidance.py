"""Guidance chosen on the development split, by the primary metric."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..embedded.rendering import Wanted
from .columns import Column
from .metrics import ATTRIBUTES, PRIMARY
from .pairs import Pair
from .plan import Plan
from .sampler import Videos

Family = Callable[[float], Column]  # by guidance


def best_guidances(
    families: Sequence[Family], plan: Plan, rendering: Videos, pairs: list[Pair]
) -> list[tuple[float, dict[float, Column]]]:
    """Of each family: the plan's start, and on beyond an end while that is the best.

    Returns:
        The best of each, and all that were tried.
    """
    scale = plan.guidances
    tried = [{scale.index(guidance) for guidance in plan.start} for _ in families]
    while True:
        rendering.get(
            Wanted(family(scale[i]), pairs)
            for family, own in zip(families, tried, strict=True)
            for i in sorted(own)
        )
        best = [
            max(sorted(own), key=lambda i: worth(rendering, family(scale[i]), pairs))
            for family, own in zip(families, tried, strict=True)
        ]
        beyond = [
            {i - 1, i + 1} & {*range(len(scale))} - own for i, own in zip(best, tried, strict=True)
        ]
        if not any(beyond):
            return [
                (scale[i], {scale[j]: family(scale[j]) for j in sorted(own)})
                for i, family, own in zip(best, families, tried, strict=True)
            ]
        for own, more in zip(tried, beyond, strict=True):
            own |= more


def worth(rendering: Videos, column: Column, pairs: list[Pair]) -> tuple[float, float]:
    """What is made as large as can be: the primary metric, and where that is the same, the
    mean of the attributes."""
    attributes = [mean(rendering, column, pairs, name) for name in ATTRIBUTES]
    return mean(rendering, column, pairs, PRIMARY), float(np.mean(attributes))


def mean(rendering: Videos, column: Column, pairs: list[Pair], metric: str) -> float:
    """Of the clips that have a value; NaN if none has."""
    values = [rendering.of(column, pair).values[metric] for pair in pairs]
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else float("nan")
