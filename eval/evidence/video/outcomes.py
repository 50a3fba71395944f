"""What columns came to: means, paired differences, and Holm's correction over all of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from w2sd_video.eval.compare.statistics import holm

from .. import paired
from ..embedded.store import Row
from ..measured import Measured
from .columns import Column
from .metrics import METRICS, Metric
from .pairs import Pair, captions
from .sampler import Videos

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Found:
    """One column.

    Attributes:
        values: ``(pairs, metrics)``, NaN where there is nothing to measure.
        evaluations: a clip, as counted.
        guidance: effective, a mean over clips and steps; NaN where it is not known.
    """

    column: Column
    pairs: list[Pair]
    values: Array
    evaluations: float
    guidance: float

    @classmethod
    def of(cls, rendering: Videos, column: Column, pairs: list[Pair]) -> Found:
        rows = [rendering.of(column, pair) for pair in pairs]
        return cls(
            column,
            pairs,
            np.array([[_value(row, metric) for metric in METRICS] for row in rows]),
            float(np.mean([row.evaluations for row in rows])),
            float(np.mean([_number(row.values["guidance"]) for row in rows])),
        )

    def rows_of(self, things: int | None) -> list[int]:
        """Pairs whose prompt has so many things; None is all."""
        return [i for i, (scene, _) in enumerate(self.pairs) if things in (None, len(scene.things))]

    def means(self, things: int | None = None) -> dict[Metric, Measured | None]:
        """Of all pairs, or of those whose prompt has so many things."""
        return self._of_all if things is None else self._means(things)

    @cached_property
    def _of_all(self) -> dict[Metric, Measured | None]:
        """Reckoned once: each takes thousands of resamples."""
        return self._means(None)

    def _means(self, things: int | None) -> dict[Metric, Measured | None]:
        rows = self.rows_of(things)
        asked = captions([self.pairs[i] for i in rows])
        return dict(zip(METRICS, paired.means(self.values[rows], asked), strict=True))


def _value(row: Row, metric: Metric) -> float:
    if metric == "jitter_complete":
        complete = row.values["psnr_complete"] is not None
        return _number(row.values["jitter"]) if complete else math.nan
    return _number(row.values[metric])


def _number(value: float | None) -> float:
    return math.nan if value is None else value


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
        self._made: dict[tuple[str, str, int | None], dict[Metric, tuple[Measured | None, float]]]
        self._made = {}

    def of(self, test: Test) -> Measured | None:
        """None where no pair has something to measure in both columns."""
        return self._of(test)[0]

    def p(self, test: Test, bound: float = 0.0) -> float:
        """Two-sided, of a mean that is ``bound``."""
        if not bound:
            return self._of(test)[1]
        differences, asked = self._differences(test)
        return paired.p_value(differences[:, [*METRICS].index(test.by)] - bound, asked)

    def corrected(self, tests: Iterable[Test]) -> dict[Test, float]:
        """p of each by Holm's method, over all of them."""
        told = [*dict.fromkeys(tests)]
        return dict(zip(told, holm([self.p(test) for test in told]), strict=True))

    def _of(self, test: Test) -> tuple[Measured | None, float]:
        pair = test.a, test.b, test.things
        if pair not in self._made:
            differences, asked = self._differences(test)
            made = zip(
                paired.means(differences, asked), paired.p_values(differences, asked), strict=True
            )
            self._made[pair] = dict(zip(METRICS, made, strict=True))
        return self._made[pair][test.by]

    def _differences(self, test: Test) -> tuple[Array, list[str]]:
        """Of the pairs that both have, and their captions."""
        a, b = self.found[test.a], self.found[test.b]
        rows = [i for i in a.rows_of(test.things) if i < len(b.pairs)]
        return a.values[rows] - b.values[rows], captions([a.pairs[i] for i in rows])
