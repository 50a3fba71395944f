"""What the numbers allow to be said, in words."""

from __future__ import annotations

import math
from collections.abc import Sequence

from .columns import Column, foremost
from .comparison import Comparison, mean_cost
from .metrics import Metric
from .statistics import LEVEL, Paired

BETTER, WORSE, UNDECIDED, UNKNOWN = "better", "worse", "not told apart", "not scored"


def verdict(metric: Metric, result: Paired) -> str:
    """Better or worse only if interval and corrected p agree that there is a difference."""
    if not result.n:
        return UNKNOWN
    if result.interval is None:
        return UNDECIDED
    low, high = result.interval
    if result.p_holm < 1 - LEVEL and (low > 0 or high < 0):
        return BETTER if metric.gain(result.difference) > 0 else WORSE
    return UNDECIDED


def verdicts(comparison: Comparison, column: Column) -> dict[str, list[Metric]]:
    """Metrics by what is said of a column on them."""
    found: dict[str, list[Metric]] = {BETTER: [], WORSE: [], UNDECIDED: [], UNKNOWN: []}
    for metric in comparison.metrics:
        found[verdict(metric, comparison.results[column.label, metric.name])].append(metric)
    return found


def main_column(comparison: Comparison) -> Column:
    """The one that the summary is about: the foremost that is reflected, or the first."""
    return foremost(comparison.others) or comparison.others[0]


def sentence(comparison: Comparison, column: Column) -> str:
    """What these pairs show of a column, beside the reference, and at what cost."""
    said = verdicts(comparison, column)
    tested = [m for kind in (BETTER, WORSE, UNDECIDED) for m in said[kind]]
    pairs = counted(len(comparison.pairs), "pair")
    against, cost = comparison.reference.label, _cost(comparison, column)
    if not tested:
        return f"{column.label} and {against} have no scores in common; {pairs}{cost}."
    if not said[BETTER] and not said[WORSE]:
        on = tested[0].title if len(tested) == 1 else f"any of {len(tested)} metrics"
        these = "this pair" if len(comparison.pairs) == 1 else f"these {pairs}"
        return (
            f"{column.label} against {against}: no difference that {these} can show on {on}{cost}."
        )
    parts = []
    for kind in (BETTER, WORSE):
        if said[kind]:
            parts.append(f"{kind} on {listed([m.title for m in said[kind]])}")
    if said[UNDECIDED]:
        count = len(said[UNDECIDED])
        what = said[UNDECIDED][0].title if count == 1 else f"the other {count}"
        parts.append(f"not told apart on {what}")
    over = f"over {pairs}"
    return f"{column.label} against {against}: {listed(parts)}, {over}{cost}."


def _cost(comparison: Comparison, column: Column) -> str:
    ratio = cost_ratio(comparison, column)
    if math.isnan(ratio):
        return ""
    return (
        ", at equal evaluations"
        if abs(ratio - 1) < 0.005
        else f", at {ratio:.3g} times the evaluations"
    )


def cost_ratio(comparison: Comparison, column: Column) -> float:
    """Evaluations a clip, over the reference's; NaN if they are not known."""
    i = comparison.columns.index(column)
    mine, theirs = (mean_cost(comparison.evaluations[j]) for j in (i, 0))
    return mine / theirs if theirs > 0 else math.nan


def counted(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def listed(items: Sequence[str]) -> str:
    """a, b and c."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"
