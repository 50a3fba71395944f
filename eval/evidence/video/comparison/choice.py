"""The guidance of the test's columns, from the development split."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from ...embedded.rendering import Wanted
from ..columns import Column, plain_with
from ..guidance import best_guidances, mean
from ..pairs import Pair
from ..plan import Plan
from ..sampler import Videos
from .claims import BARELY, Chosen, extrapolation, reflection


@dataclass(frozen=True)
class Choice:
    """The guidance of the test's columns, and what it was chosen among.

    Attributes:
        tried: of each family its columns, by guidance.
    """

    chosen: Chosen
    tried: dict[str, dict[float, Column]]


def choose(plan: Plan, rendering: Videos, pairs: list[Pair]) -> Choice:
    """For a test."""
    at_steps, reflected = partial(Column, plan.steps), partial(reflection, plan)
    (strong, alone), (best, reflecting) = best_guidances(
        [at_steps, reflected], plan, rendering, pairs
    )
    cost = reflected(best).evaluations
    at_cost, extrapolated = partial(plain_with, cost), partial(extrapolation, cost)
    (equal, as_dear), (beside, extrapolating) = best_guidances(
        [at_cost, extrapolated], plan, rendering, pairs
    )
    logged = reflected(max(best, BARELY))
    rendering.get([Wanted(logged, pairs)])
    effective, matched = (
        round(mean(rendering, logged, pairs, name), 2)
        for name in ("guidance", "reflected_guidance")
    )
    return Choice(
        Chosen(strong, equal, best, beside, effective, matched),
        {
            "strong": alone,
            "reflected on half of the steps": reflecting,
            "strong, as many evaluations": as_dear,
            "extrapolate, as many evaluations": extrapolating,
        },
    )
