"""What columns came to: means, paired differences, and Holm's correction over all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from w2sd_video.eval.compare.statistics import Paired, compare, holm, mean_intervals

from ..measured import Measured
from .columns import Column
from .pairs import Pair
from .plan import LOWER_IS_BETTER, METRICS, Metric
from .sampler import Videos

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Found:
    """One column.

    Attributes:
        values: ``(pairs, metrics)``, NaN where there is nothing to measure.
        evaluations, seconds: a clip, as counted and timed.
        guidance: effective, a mean over clips and steps; NaN where it is not known.
    """

    column: Column
    pairs: list[Pair]
    values: Array
    evaluations: float
    seconds: float
    guidance: float

    @classmethod
    def of(cls, rendering: Videos, column: Column, pairs: list[Pair]) -> Found:
        rows = [rendering.of(column, pair) for pair in pairs]

        def number(value: float | None) -> float:
            return float("nan") if value is None else value

        return cls(
            column,
            pairs,
            np.array([[number(row.values[metric]) for metric in METRICS] for row in rows]),
            float(np.mean([row.evaluations for row in rows])),
            float(np.mean([row.seconds for row in rows])),
            float(np.mean([number(row.values["guidance"]) for row in rows])),
        )

    def rows_of(self, things: int | None) -> list[int]:
        """Pairs whose prompt has so many things; None is all."""
        return [i for i, (scene, _) in enumerate(self.pairs) if things in (None, len(scene.things))]

    def means(
        self, first: int | None = None, things: int | None = None
    ) -> dict[Metric, Measured | None]:
        """Of all pairs or of the first ones."""
        return dict(zip(METRICS, _means(self.values[self.rows_of(things)[:first]]), strict=True))


class Test(NamedTuple):
    """A difference, ``a − b`` of two columns, over the pairs that both have."""

    a: str
    b: str
    by: Metric
    things: int | None = None  # of the prompts; None is both kinds


class Differences:
    """Of columns by their label."""

    def __init__(self, found: Mapping[str, Found]) -> None:
        self.found = found
        self._made: dict[tuple[str, str, int | None], dict[Metric, Paired]] = {}

    def of(self, test: Test) -> Paired:
        pair = test.a, test.b, test.things
        if pair not in self._made:
            a, b = self.found[test.a], self.found[test.b]
            rows = [i for i in a.rows_of(test.things) if i < len(b.pairs)]
            lower = [metric in LOWER_IS_BETTER for metric in METRICS]
            made = compare(a.values[rows], b.values[rows], lower)
            self._made[pair] = dict(zip(METRICS, made, strict=True))
        return self._made[pair][test.by]

    def corrected(self, tests: Iterable[Test]) -> dict[Test, float]:
        """p of each by Holm's method, over all of them."""
        told = [*dict.fromkeys(tests)]
        return dict(zip(told, holm([self.of(test).p for test in told]), strict=True))


def measured(paired: Paired) -> Measured:
    """A difference as a claim has it. The clips are many and stay in their JSONL."""
    low, high = paired.interval or (None, None)
    return Measured(values=[], mean=paired.difference, low=low, high=high)


def _means(values: Array) -> Iterator[Measured | None]:
    for column, interval in zip(values.T, mean_intervals(values), strict=True):
        known = column[np.isfinite(column)]
        low, high = interval or (None, None)
        mean = float(known.mean()) if len(known) else 0.0
        yield Measured(values=[], mean=mean, low=low, high=high) if len(known) else None
