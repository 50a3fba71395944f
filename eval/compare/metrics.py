"""What is known of metrics: their order, which way is better, and what stillness buys."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from ..vbench.dimensions import FLICKERING, STATIC

LOWER_IS_BETTER = {"jitter", "fid"}
# A clip that does not move scores high on these, so none is shown without how much clips move.
BOUGHT_BY_STILLNESS = (
    "subject_consistency",
    "background_consistency",
    "motion_smoothness",
    FLICKERING,
    "jitter",
)
# How much clips move, VBench's measure and that of the shapes world.
MOVEMENT = ("dynamic_degree", "dynamic")
# In the order in which they are shown; others follow by name.
ORDER = (
    "subject_consistency",
    "background_consistency",
    "dynamic_degree",
    "motion_smoothness",
    FLICKERING,
    "aesthetic_quality",
    "imaging_quality",
    "pickscore",
    "hps-v2",
    "aesthetic",
    "clip-t",
    "clip-i",
    "dino",
    "right",
    "everything",
    "count",
    "color",
    "shape",
    "motion",
    "background",
    "dynamic",
    "jitter",
)


@dataclass(frozen=True)
class Metric:
    """One metric of a comparison."""

    name: str

    @property
    def title(self) -> str:
        return self.name.replace("_", " ")

    @property
    def lower_is_better(self) -> bool:
        return self.name in LOWER_IS_BETTER

    @property
    def better(self) -> str:
        return "lower" if self.lower_is_better else "higher"

    def gain(self, difference: float) -> float:
        """A difference, positive where it is for the better; never a negative zero."""
        return (-difference if self.lower_is_better else difference) + 0.0


def is_metric(name: str) -> bool:
    """Whether what is kept under this name is a score; VBench's filter keeps its finding there."""
    return name != STATIC


def ordered(names: Iterable[str]) -> list[Metric]:
    """Metrics in the order in which they are shown."""
    place = {name: i for i, name in enumerate(ORDER)}
    return [Metric(n) for n in sorted(set(names), key=lambda n: (place.get(n, len(place)), n))]


def without_movement(names: Iterable[str]) -> list[str]:
    """Metrics that need movement beside them, if no measure of movement is there."""
    there = set(names)
    if there & set(MOVEMENT):
        return []
    return [name for name in BOUGHT_BY_STILLNESS if name in there]


def decimals(values: Iterable[float]) -> int:
    """How many decimals tell these values apart to about four digits."""
    largest = max((abs(v) for v in values if math.isfinite(v)), default=0.0)
    return 4 if largest < 2 else max(0, 3 - math.floor(math.log10(largest)))
