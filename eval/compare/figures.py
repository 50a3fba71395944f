"""Plots as coordinates, which the report's template draws as SVG. Units are pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .comparison import Comparison, mean_cost
from .metrics import Metric

FOREST = 216.0  # width of the plot in a row of the table
FURTHEST = 3.0  # standard deviations; what lies further out is cut off there
WIDTH, HEIGHT = 250.0, 170.0  # of one plot of means over evaluations
BESIDE = 9.0  # between points of equal evaluations
LEFT, RIGHT, TOP, BOTTOM = 48.0, 12.0, 12.0, 26.0


@dataclass(frozen=True)
class Tick:
    at: float
    text: str


@dataclass(frozen=True)
class Line:
    """An interval and its middle; ``cut`` where an end lies outside the plot."""

    low: float
    middle: float
    high: float
    cut_low: bool
    cut_high: bool


@dataclass(frozen=True)
class Forest:
    """Gains in standard deviations of a metric over all clips, right of zero for the better."""

    ticks: list[Tick]
    zero: float
    lines: dict[tuple[str, str], Line | None]  # by label of a column and name of a metric


def forest(comparison: Comparison) -> Forest:
    """One scale for all metrics, so that rows can be compared by eye."""
    spans: dict[tuple[str, str], tuple[float, float, float] | None] = {}
    for k, metric in enumerate(comparison.metrics):
        scores = comparison.scores[:, :, k]
        known = scores[np.isfinite(scores)]
        spread = float(known.std()) if len(known) else 0.0
        for column in comparison.others:
            result = comparison.results[column.label, metric.name]
            if not result.n:
                spans[column.label, metric.name] = None
                continue
            ends = result.interval or (result.difference, result.difference)
            low, high = sorted(_over(metric.gain(end), spread) for end in ends)
            spans[column.label, metric.name] = (
                low,
                _over(metric.gain(result.difference), spread),
                high,
            )
    widest = max((max(-s[0], s[2]) for s in spans.values() if s), default=0.0)
    reach = min(FURTHEST, max(0.25, widest * 1.06))
    step = _step(reach, 2)

    def place(value: float) -> float:
        return round((min(max(value, -reach), reach) / reach + 1) * FOREST / 2, 1)

    count = int(reach / step)
    ticks = [Tick(place(i * step), _signed(i * step)) for i in range(-count, count + 1)]
    lines = {
        key: s and Line(place(s[0]), place(s[1]), place(s[2]), s[0] < -reach, s[2] > reach)
        for key, s in spans.items()
    }
    return Forest(ticks, place(0.0), lines)


def _over(value: float, spread: float) -> float:
    return value / spread if spread > 0 else 0.0


def _signed(value: float) -> str:
    return f"{value:+g}".replace("-", "\N{MINUS SIGN}") if value else "0"


@dataclass(frozen=True)
class Point:
    """A column's mean, and the ends of its interval."""

    column: int
    x: float
    y: float
    low: float
    high: float


@dataclass(frozen=True)
class Plot:
    """Means of one metric over evaluations a clip."""

    metric: Metric
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    points: list[Point]


def plots(comparison: Comparison) -> list[Plot]:
    """One for each metric; empty where the evaluations are not known."""
    costs = [mean_cost(row) for row in comparison.evaluations]
    most = max((c for c in costs if math.isfinite(c)), default=0.0)
    if most <= 0:
        return []
    return [_plot(comparison, k, costs, most * 1.12) for k in range(len(comparison.metrics))]


def _plot(comparison: Comparison, k: int, costs: Sequence[float], most: float) -> Plot:
    metric = comparison.metrics[k]
    spans: list[tuple[int, float, float, float]] = []
    for i, column in enumerate(comparison.columns):
        mean = comparison.mean(i, k)[0]
        low, high = comparison.mean_intervals[column.label, metric.name] or (mean, mean)
        if math.isfinite(mean) and math.isfinite(costs[i]):
            spans.append((i, low, mean, high))
    bottom = min((s[1] for s in spans), default=0.0)
    top = max((s[3] for s in spans), default=1.0)
    margin = (top - bottom) * 0.08 or max(abs(top) * 0.05, 0.01)
    bottom, top = bottom - margin, top + margin

    def x(value: float) -> float:
        return round(LEFT + value / most * (WIDTH - LEFT - RIGHT), 1)

    def y(value: float) -> float:
        return round(TOP + (top - value) / (top - bottom) * (HEIGHT - TOP - BOTTOM), 1)

    x_step, y_step = _step(most, 4), _step(top - bottom, 4)
    places = max(0, -math.floor(math.log10(y_step)))
    at = [i * y_step for i in range(math.ceil(bottom / y_step), math.floor(top / y_step) + 1)]
    shift = _apart([x(costs[s[0]]) for s in spans])
    return Plot(
        metric,
        [Tick(x(i * x_step), f"{i * x_step:g}") for i in range(int(most / x_step) + 1)],
        [Tick(y(value), f"{value:.{places}f}") for value in at],
        [
            Point(i, x(costs[i]) + beside, y(mean), y(low), y(high))
            for (i, low, mean, high), beside in zip(spans, shift, strict=True)
        ],
    )


def _apart(places: Sequence[float]) -> list[float]:
    """How far to move points that lie on one another, to either side."""
    found = []
    for i, place in enumerate(places):
        together = [j for j, other in enumerate(places) if abs(other - place) < BESIDE]
        found.append(round((together.index(i) - (len(together) - 1) / 2) * BESIDE, 1))
    return found


def _step(span: float, parts: int) -> float:
    """A round distance of ticks, so that about so many fit."""
    rough = span / parts
    power: float = 10.0 ** math.floor(math.log10(rough))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= rough * 0.999)
