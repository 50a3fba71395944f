"""What ways came to, and the claims, tables and panels that are made of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .. import paired
from ..measured import Measured
from ..panels import Dot, Dots, Level, Role, Row
from ..result import Claim, Hypothesis, Table
from ..wording import capital
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
        captions: of each pair.
        values: by metric, a number for each pair, in their order.
        evaluations: of a still, as counted.
        seconds: of a still, where that was timed.
        effort: seconds of one core for all stills, whenever they were sampled.
    """

    way: Way
    captions: Sequence[str]
    values: dict[Metric, Array]
    evaluations: float
    seconds: float | None = None
    effort: float = 0.0

    def mean(self, metric: Metric) -> Measured:
        return paired.mean(self.values[metric], self.captions)


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
        return capital(self.where)

    def claims(self, held: Iterable[Held]) -> list[Claim]:
        """With p's that are not corrected yet."""
        return [
            self.claim(one, f"{METRICS[one.by]}: {one.a} − {one.b}", self.difference(one))
            for one in held
        ]

    def claim(self, held: Hypothesis, row: str, values: Array) -> Claim:
        """Of a number for each pair."""
        captions = self._any.captions
        return held.claim(
            f"{self.where}, {row}",
            paired.mean(values, captions),
            lambda bound: paired.p_value(values - bound, captions),
        )

    @property
    def about_pairs(self) -> str:
        """How many there are, and what is taken for a draw."""
        captions = self._any.captions
        return (
            f"{len(captions)} pairs with {len({*captions})} captions (which are what intervals "
            "resample and tests turn round)"
        )

    @property
    def _any(self) -> Found:
        return next(iter(self.found.values()))

    def difference(self, held: Held) -> Array:
        """``a − b``, pair by pair."""
        return self.found[held.a].values[held.by] - self.found[held.b].values[held.by]

    def gain(self, held: Held) -> Measured:
        """Its mean."""
        return paired.mean(self.difference(held), self._any.captions)

    def table(self) -> Table:
        """Means of every way."""
        timed = self._any.seconds is not None
        rows: list[tuple[str, list[Measured | str]]] = []
        for label, one in self.found.items():
            cost: list[Measured | str] = [f"{one.evaluations:g}"]
            cost += [f"{one.seconds:.3f}"] if one.seconds is not None else []
            rows.append((label, cost + [one.mean(metric) for metric in METRICS]))
        costs = ["evaluations", "seconds"] if timed else ["evaluations"]
        return Table(
            note=f"{self.title}: denoiser evaluations{' and seconds' * timed} a still, and means "
            "over stills.",
            columns=[*costs, *METRICS.values()],
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


def figure(made: Sequence[Outcomes], against: str) -> list[Row]:
    """A row for each metric that is drawn, a panel for each condition."""
    return [Row(title="", panels=[one.dots(metric, against) for one in made]) for metric in DRAWN]


def effort(made: Iterable[Outcomes]) -> str:
    """What stills have cost; a run that goes on where another stopped tells its own time only."""
    found = [one for outcomes in made for one in outcomes.found.values()]
    once = {(one.way, *one.captions): one.effort for one in found}
    return (
        f"The stills took {sum(once.values()) / 60:.0f} minutes of one core, whenever they were "
        "sampled."
    )
