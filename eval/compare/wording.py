"""Numbers as they are shown to people."""

from __future__ import annotations

import math

from .metrics import Metric, decimals
from .statistics import Interval, Paired

MINUS, UNKNOWN = "\N{MINUS SIGN}", "\N{EN DASH}"
MARK = " ↓"  # lower is better


def title(metric: Metric) -> str:
    return metric.title + (MARK if metric.lower_is_better else "")


def places_of(result: Paired) -> int:
    """Decimals for a difference and its interval."""
    return decimals([result.mean, result.reference_mean, *(result.interval or ())])


def number(value: float, places: int) -> str:
    return f"{value:,.{places}f}" if math.isfinite(value) else UNKNOWN


def signed(value: float, places: int) -> str:
    """With its sign, and a true minus; what rounds to nothing has none."""
    if not math.isfinite(value):
        return number(value, places)
    text = f"{value:+,.{places}f}"
    return text[1:] if not text.strip("+-0.,") else text.replace("-", MINUS)


def spanned(interval: Interval | None, places: int) -> str:
    if interval is None:
        return UNKNOWN
    return f"{signed(interval[0], places)} … {signed(interval[1], places)}"


def percent(value: float) -> str:
    return f"{value:.0%}".replace("%", " %") if math.isfinite(value) else number(value, 0)


def probability(p: float) -> str:
    if math.isnan(p):
        return number(p, 0)
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
