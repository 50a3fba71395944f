"""What ways came to, and the claims, tables and panels that are made of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from w2sd_video.eval.compare.statistics import holm, sign_flip

from ..measured import Measured
from ..panels import Dot, Dots, Level, Role
from ..result import HOLDS, Claim, Hypothesis, Table
from .ways import Way

Array = NDArray[np.float64]
Metric = Literal["everything", "count", "color", "shape", "background", "iou"]
METRICS: dict[Metric, str] = {
    "everything": "all right",
    "count": "count",
    "color": "color",
    "shape": "shape",
    "background": "background",
    "iou": "outlines",
}
DRAWN: tuple[Metric, ...] = ("everything", "iou")
TOLD = (
    "*All right* is number, colors, shapes and background, all of them; *outlines* is the overlap "
    "with the nearest picture of the scene that the world itself would draw."
)

Ways = dict[str, tuple[Way, Role]]  # by the labels of their rows


@dataclass(frozen=True)
class Found:
    """One way.

    Attributes:
        values: by metric, a number for each pair, in their order.
        evaluations, seconds: a still, as counted and, of processor time, as measured.
    """

    way: Way
    values: dict[Metric, Array]
    evaluations: float
    seconds: float

    def mean(self, metric: Metric) -> Measured:
        return measured(self.values[metric])


def measured(values: Array) -> Measured:
    """The mean over stills, which are many and not kept one by one."""
    return Measured.of(values.tolist()).model_copy(update={"values": []})


@dataclass(frozen=True)
class Held(Hypothesis):
    by: Metric = "everything"


@dataclass(frozen=True)
class Outcomes:
    """What was found of each way under one condition.

    Attributes:
        where: the condition, as rows begin: "guidance 2.5".
        found: by label; ``roles`` are the parts that they play.
    """

    where: str
    found: dict[str, Found]
    roles: dict[str, Role]

    @property
    def title(self) -> str:
        return self.where[0].upper() + self.where[1:]

    def claims(self, held: Iterable[Held]) -> list[Claim]:
        return [
            one.claim(
                f"{self.where}, {METRICS[one.by]}: {one.a} − {one.b}",
                measured(self.difference(one)),
            )
            for one in held
        ]

    def difference(self, held: Held) -> Array:
        """``a − b``, pair by pair."""
        return self.found[held.a].values[held.by] - self.found[held.b].values[held.by]

    def table(self) -> Table:
        """Means of every way."""
        rows: list[tuple[str, list[Measured | str]]] = []
        for label, one in self.found.items():
            cost: list[Measured | str] = [f"{one.evaluations:g}", f"{one.seconds:.2f}"]
            rows.append((label, cost + [one.mean(metric) for metric in METRICS]))
        return Table(
            note=f"{self.title}: denoiser evaluations and seconds of one core, a still, and "
            "means over stills.",
            columns=["evaluations", "seconds", *METRICS.values()],
            rows=rows,
        )

    def dots(self, metric: Metric, against: str) -> Dots:
        """Every way's mean, and a line where the one is that it is held against."""
        return Dots(
            title=f"{METRICS[metric]}, {self.where}",
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

    def order(self, labels: Iterable[str] | None = None, most: int | None = None) -> str:
        """What gets most all right, in words, the best first; of all ways or of these."""
        means = {label: self.found[label].mean("everything") for label in labels or self.found}
        best = sorted(means, key=lambda label: -means[label].mean)
        return ", ".join(f"{label} {means[label]}" for label in best[:most])


def corrected(made: Iterable[tuple[Outcomes, Iterable[Held]]]) -> str:
    """Which of the claims hold by their own interval only, and not by Holm's correction."""
    tests = [
        (outcomes, held) for outcomes, claims in made for held in claims if held.of_more_or_less
    ]
    p = holm([sign_flip(outcomes.difference(held)[:, None])[0] for outcomes, held in tests])
    lost = [
        f"“{held.text}” ({outcomes.where}, {held.a})"
        for (outcomes, held), value in zip(tests, p, strict=True)
        if outcomes.claims([held])[0].verdict == HOLDS and value >= 0.05
    ]
    if lost:
        return (
            f"Held by their own intervals, but no longer with Holm's correction for {len(tests)} "
            f"claims: {', '.join(lost)}."
        )
    return f"What holds does so with Holm's correction for {len(tests)} claims, too."
