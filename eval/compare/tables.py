"""A comparison as a table for the terminal, CSV and JSON."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from typing import Any

from rich.markup import escape
from rich.table import Table

from . import verdicts
from .comparison import Comparison, mean_cost
from .metrics import Metric, decimals
from .statistics import LEVEL, RESAMPLES, SEED, Interval, Paired

MINUS, UNKNOWN = "\N{MINUS SIGN}", "\N{EN DASH}"
MARK = " ↓"  # lower is better
_STYLE = {verdicts.BETTER: "green", verdicts.WORSE: "red"}


def terminal(comparison: Comparison) -> Iterator[Table | str]:
    """What is printed: the sentence, means and costs, differences, warnings."""
    main = verdicts.main_column(comparison)
    yield f"[bold]{escape(verdicts.sentence(comparison, main))}[/]"
    for column in comparison.others:
        if column is not main:
            yield escape(verdicts.sentence(comparison, column))
    yield ""
    yield _means(comparison)
    for column in comparison.others if comparison.metrics else []:
        yield ""
        yield f"[bold]{escape(column.label)}[/] {MINUS} {escape(comparison.reference.label)}"
        yield _differences(comparison, column.label)
    if any(metric.lower_is_better for metric in comparison.metrics):
        yield ""
        yield f"{MARK.strip()} lower is better"
    if notes := verdicts.warnings(comparison):
        yield ""
        yield from (f"[yellow]![/] {escape(note)}" for note in notes)


def _table(*titles: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(titles[0])
    table.columns[0].no_wrap = True
    for title in titles[1:]:
        table.add_column(escape(title), justify="right")
    return table


def _means(comparison: Comparison) -> Table:
    table = _table("mean", *(column.label for column in comparison.columns))
    for k, metric in enumerate(comparison.metrics):
        means = [comparison.mean(i, k)[0] for i in range(len(comparison.columns))]
        places = decimals(means)
        table.add_row(title(metric), *(number(mean, places) for mean in means))
    table.add_row("evaluations a clip", *(number(mean_cost(r), 1) for r in comparison.evaluations))
    table.add_row("seconds a clip", *(number(mean_cost(row), 2) for row in comparison.seconds))
    if comparison.knows_guidance:
        means = [mean_cost(row) for row in comparison.guidance]
        table.add_row("effective guidance", *(number(mean, 2) for mean in means))
    return table


def _differences(comparison: Comparison, label: str) -> Table:
    interval = f"{LEVEL:.0%} interval".replace("%", " %")
    found = [(metric, comparison.results[label, metric.name]) for metric in comparison.metrics]
    partly = any(result.n < len(comparison.pairs) for _, result in found)
    table = _table("metric", "difference", interval, "wins", "p (Holm)", "", *["pairs"] * partly)
    table.columns[2].no_wrap = True
    for metric, result in found:
        places = places_of(result)
        said = verdicts.verdict(metric, result)
        style = _STYLE.get(said)
        table.add_row(
            title(metric),
            signed(result.difference, places),
            spanned(result.interval, places),
            percent(result.win_rate),
            probability(result.p_holm),
            f"[{style}]{said}[/]" if style else "",
            *[str(result.n)] * partly,
        )
    return table


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


def results_csv(comparison: Comparison) -> str:
    """One row for each column and metric."""
    rows = [_row(comparison, i, k) for i, k in _cells(comparison)]
    costs = [_cost_row(comparison, i, name) for i in range(len(comparison.columns))
             for name in ("evaluations", "seconds")]  # fmt: skip
    return _csv([*rows, *costs])


def clips_csv(comparison: Comparison) -> str:
    """One row for each clip."""
    return _csv(
        [
            {
                "prompt": clip.prompt,
                "seed": clip.seed,
                "column": column.label,
                "file": str(clip.file),
                "evaluations": finite(clip.evaluations),
                "seconds": finite(clip.seconds),
                **{m.name: clip.scores.get(m.name) for m in comparison.metrics},
            }
            for pair in comparison.pairs
            for column, clip in zip(comparison.columns, comparison.clips(pair), strict=True)
        ]
    )


def as_json(comparison: Comparison) -> dict[str, Any]:
    """Everything, in full precision; what is not known is null."""
    return {
        "version": 1,
        "summary": [verdicts.sentence(comparison, column) for column in comparison.others],
        "warnings": verdicts.warnings(comparison),
        "reference": comparison.reference.label,
        "intervals": {"level": LEVEL, "resamples": RESAMPLES, "seed": SEED},
        "columns": [
            {
                "label": column.label,
                "folders": [str(folder) for folder in column.folders],
                "clips": len(column.clips),
                "evaluations": finite(mean_cost(comparison.evaluations[i])),
                "seconds": finite(mean_cost(comparison.seconds[i])),
                "effective_guidance": finite(mean_cost(comparison.guidance[i])),
                "settings": column.settings,
            }
            for i, column in enumerate(comparison.columns)
        ],
        "metrics": [{"name": m.name, "better": m.better} for m in comparison.metrics],
        "results": [_row(comparison, i, k) for i, k in _cells(comparison)],
        "pairs": [
            {
                "prompt": prompt,
                "seed": seed,
                "clips": {
                    column.label: {
                        "file": str(clip.file),
                        "evaluations": finite(clip.evaluations),
                        "seconds": finite(clip.seconds),
                        "scores": clip.scores,
                    }
                    for column, clip in zip(
                        comparison.columns, comparison.clips((prompt, seed)), strict=True
                    )
                },
            }
            for prompt, seed in comparison.pairs
        ],
        "dropped": [
            {"prompt": prompt, "seed": seed, "not_in": lacking}
            for (prompt, seed), lacking in comparison.dropped.items()
        ],
    }


def _cells(comparison: Comparison) -> Iterator[tuple[int, int]]:
    for i in range(len(comparison.columns)):
        for k in range(len(comparison.metrics)):
            yield i, k


def _row(comparison: Comparison, i: int, k: int) -> dict[str, Any]:
    """A column on a metric: its mean, and how it compares unless it is the reference."""
    column, metric = comparison.columns[i], comparison.metrics[k]
    mean, scored = comparison.mean(i, k)
    low, high = comparison.mean_intervals[column.label, metric.name] or (None, None)
    row: dict[str, Any] = {
        "column": column.label,
        "metric": metric.name,
        "better": metric.better,
        "scored": scored,
        "mean": finite(mean),
        "mean_low": low,
        "mean_high": high,
    }
    result = comparison.results.get((column.label, metric.name))
    if result is None:
        return row
    low, high = result.interval or (None, None)
    return row | {
        "pairs": result.n,
        "difference": finite(result.difference),
        "low": low,
        "high": high,
        "wins": result.wins,
        "ties": result.ties,
        "losses": result.losses,
        "win_rate": finite(result.win_rate),
        "p": finite(result.p),
        "p_holm": finite(result.p_holm),
        "verdict": verdicts.verdict(metric, result),
    }


def _cost_row(comparison: Comparison, i: int, name: str) -> dict[str, Any]:
    values = (comparison.evaluations if name == "evaluations" else comparison.seconds)[i]
    known = int((values == values).sum())
    mean = finite(mean_cost(values))
    return {
        "column": comparison.columns[i].label,
        "metric": name,
        "better": "lower",
        "scored": known,
        "mean": mean,
    }


def finite(value: float) -> float | None:
    """For files, in which NaN has no place."""
    return value if math.isfinite(value) else None


def _csv(rows: list[dict[str, Any]]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
