"""An evaluation in words: a table for people, or one JSON object."""

from __future__ import annotations

from typing import Any

from rich.table import Table
from w2sd_video.eval.images.outcome import Report
from w2sd_video.eval.images.scores import SOURCE

NOT_AVAILABLE = "not available"


def as_json(report: Report) -> dict[str, Any]:
    """Everything in it. A value is a mean over images, or a set's; None where there is none."""
    return {
        "source": SOURCE,
        "images": len(report.pictures),
        "scores": {
            outcome.kind.name: {
                "values": {side or "images": v for side, (v, _) in outcome.values.items()} or None,
                "images": {side or "images": n for side, (_, n) in outcome.values.items()},
                "of_set": outcome.kind.of_set,
                "scored_now": outcome.scored,
                "reasons": outcome.reasons,
                "notes": outcome.notes,
                "code": outcome.code,
            }
            for outcome in report.outcomes
        },
    }


def table(report: Report) -> Table:
    """A row a score, a column a side."""
    found = Table(box=None, pad_edge=False, header_style="bold")
    found.add_column(SOURCE)
    for side in report.sides:
        found.add_column(side or "mean", justify="right")
    found.add_column("images", justify="right")
    for outcome in report.outcomes:
        values = [
            f"{outcome.values[side][0]:.4f}" if side in outcome.values else NOT_AVAILABLE
            for side in report.sides
        ]
        counts = sum(count for _, count in outcome.values.values())
        found.add_row(outcome.kind.name, *values, str(counts or ""))
    return found


def remarks(report: Report) -> list[str]:
    """What is to be said beside the table, a line each; why a value is missing was said before."""
    return [f"{outcome.kind.name}: {note}" for outcome in report.outcomes for note in outcome.notes]
