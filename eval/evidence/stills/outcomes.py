"""What ways came to, and the claims, tables and panels that are made of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from w2sd_video.eval.compare.statistics import holm, sign_flip

from ..measured import Measured
from ..panels import Dot, Dots, Level, Role
from ..result import HOLDS, Claim, Table
from .ways import Way

Metric = Literal["everything", "count", "color", "shape", "background", "iou"]
METRICS: dict[Metric, str] = {
    "everything": "all right",
    "count": "count",
    "color": "color",
    "shape": "shape",
    "background": "background",
    "iou": "outlines",
}


@dataclass(frozen=True)
class Found:
    """One way.

    Attributes:
        values: by metric, a number for each pair, in their order.
        evaluations, seconds: a still, as counted and, of processor time, as measured.
    """

    way: Way
    values: dict[Metric, NDArray[np.float64]]
    evaluations: float
    seconds: float

    def mean(self, metric: Metric) -> Measured:
        return _measured(self.values[metric])

    def minus(self, other: Found, metric: Metric) -> Measured:
        """The difference of the means, paired by prompt and noise."""
        return _measured(self.values[metric] - other.values[metric])


def _measured(values: NDArray[np.float64]) -> Measured:
    """The stills are many; they are not kept one by one."""
    return Measured.of(values.tolist()).model_copy(update={"values": []})


class Held(NamedTuple):
    """A claim about ``a − b``, made before either was seen."""

    text: str
    a: str
    b: str
    expected: Literal["above", "below", "within"] = "above"
    bound: float = 0.0
    by: Metric = "everything"


@dataclass(frozen=True)
class Outcomes:
    """What was found of each way, by its label, and the part it plays."""

    found: dict[str, Found]
    roles: dict[str, Role]

    def claims(self, held: Iterable[Held]) -> list[Claim]:
        return [
            Claim(
                text=one.text,
                row=f"{METRICS[one.by]}: {one.a} − {one.b}",
                measured=self.found[one.a].minus(self.found[one.b], one.by),
                expected=one.expected,
                bound=one.bound,
            )
            for one in held
        ]

    def corrected(self, held: Iterable[Held]) -> str:
        """What of the claims holds by its own interval only."""
        tests = [one for one in held if one.expected != "within" and not one.bound]
        p = holm([sign_flip(self._differences(one)[:, None])[0] for one in tests])
        lost = [
            f"“{one.text}” ({one.a})"
            for one, claim, value in zip(tests, self.claims(tests), p, strict=True)
            if claim.verdict == HOLDS and value >= 0.05
        ]
        return (
            f"Held by their own intervals, but no longer with Holm's correction for {len(tests)} "
            f"claims: {', '.join(lost)}."
            if lost
            else f"What holds does so with Holm's correction for {len(tests)} claims, too."
        )

    def _differences(self, held: Held) -> NDArray[np.float64]:
        return self.found[held.a].values[held.by] - self.found[held.b].values[held.by]

    def table(self, note: str, labels: Iterable[str] | None = None) -> Table:
        """Means of every way, or of these."""
        rows: list[tuple[str, list[Measured | str]]] = []
        for label in labels or self.found:
            one = self.found[label]
            cost: list[Measured | str] = [f"{one.evaluations:g}", f"{one.seconds:.2f}"]
            rows.append((label, cost + [one.mean(metric) for metric in METRICS]))
        columns = ["evaluations", "seconds", *METRICS.values()]
        return Table(note=note, columns=columns, rows=rows)

    def dots(self, metric: Metric, against: str, title: str = "") -> Dots:
        """Every way's mean, and a line where the one is that it is held against."""
        return Dots(
            title=title or METRICS[metric],
            x=f"{METRICS[metric]} (further right is better)",
            dots=[
                Dot(label=label, role=self.roles[label], value=one.mean(metric))
                for label, one in self.found.items()
            ],
            levels=[
                Level(
                    label=against,
                    at=self.found[against].mean(metric).mean,
                    role=self.roles[against],
                )
            ],
        )

    def best(self, metric: Metric, labels: Iterable[str] | None = None) -> str:
        """The label whose mean is the highest."""
        return max(labels or self.found, key=lambda label: self.found[label].mean(metric).mean)
