"""A comparison as CSV and JSON."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from .cautions import cautions
from .comparison import Comparison, mean_cost
from .statistics import LEVEL, RESAMPLES, SEED
from .verdicts import sentence, verdict


def results_csv(comparison: Comparison) -> str:
    """One row for each column and metric, and for what each column costs."""
    rows = [_row(comparison, i, k) for i, k in _cells(comparison)]
    costs = (
        ("evaluations", "lower", comparison.evaluations),
        ("seconds", "lower", comparison.seconds),
        ("effective_guidance", None, comparison.guidance),
    )
    rows += [
        {
            "column": column.label,
            "metric": name,
            "better": better,
            "scored": int(np.isfinite(values[i]).sum()),
            "mean": finite(mean_cost(values[i])),
        }
        for i, column in enumerate(comparison.columns)
        for name, better, values in costs
    ]
    return _csv(rows)


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
                "effective_guidance": finite(clip.guidance),
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
        "summary": [sentence(comparison, column) for column in comparison.others],
        "warnings": cautions(comparison),
        "reference": comparison.reference.label,
        "intervals": {
            "level": LEVEL,
            "resamples": RESAMPLES,
            "seed": SEED,
            "draws": comparison.draws[1],
        },
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
                        "effective_guidance": finite(clip.guidance),
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
        "verdict": verdict(metric, result),
    }


def _csv(rows: list[dict[str, Any]]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def finite(value: float) -> float | None:
    """For files, in which NaN has no place."""
    return value if math.isfinite(value) else None
