"""Settings chosen on the development split, by the primary metric."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Sequence

import numpy as np

from ..embedded.rendering import Wanted
from .columns import Column, plain_with
from .pairs import Pair
from .plan import PRIMARY, Chosen, Plan, extrapolation, reflection
from .sampler import Videos

# All attributes of a clip, for settings that get as many clips all right.
ATTRIBUTES = ("count", "color", "shape", "motion", "background")
BARELY = 1.0001  # guidance 1, but both halves are evaluated: what it amounts to can be logged

Family = Callable[[float], Column]  # by guidance


def choose(plan: Plan, rendering: Videos, pairs: list[Pair]) -> Chosen:
    """The guidance of the test's columns."""

    def at_steps(guidance: float) -> Column:
        return Column(plan.steps, guidance)

    def reflected(guidance: float) -> Column:
        return reflection(plan, guidance)

    strong, best = best_guidances([at_steps, reflected], plan, rendering, pairs)
    cost = reflected(best).evaluations

    def at_cost(guidance: float) -> Column:
        return plain_with(cost, guidance)

    def extrapolated(guidance: float) -> Column:
        return extrapolation(cost, guidance)

    equal, beside = best_guidances([at_cost, extrapolated], plan, rendering, pairs)
    logged = reflected(max(best, BARELY))
    rendering.get([Wanted(logged, pairs)])
    effective, reflecting = (
        round(mean(rendering, logged, pairs, name), 2)
        for name in ("guidance", "reflected_guidance")
    )
    return Chosen(strong, equal, best, beside, effective, reflecting)


def best_guidances(
    families: Sequence[Family],
    plan: Plan,
    rendering: Videos,
    pairs: list[Pair],
    above: Sequence[float] = (),
) -> list[float]:
    """Of each family: the plan's start, and on beyond an end while that is the best.

    Args:
        above: of each family, the guidance that it must be more than; by default none.
    """
    scale = plan.guidances
    lowest = [bisect(scale, limit) for limit in above or [0.0] * len(families)]
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
            {i - 1, i + 1} & {*range(low, len(scale))} - own
            for i, own, low in zip(best, tried, lowest, strict=True)
        ]
        if not any(beyond):
            return [scale[i] for i in best]
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
