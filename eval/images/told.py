"""An evaluation in words: a table for people, or one JSON object."""

from __future__ import annotations

from typing import Any

from rich.table import Table
from w2sd_video.eval import outcome
from w2sd_video.eval.images.outcome import Report
from w2sd_video.eval.images.scores import SOURCE


def as_json(report: Report) -> dict[str, Any]:
    """Everything in it. A value is a mean over images, or a set's."""
    return {
        "source": SOURCE,
        "images": len(report.pictures),
        "left_out": report.left_out,
        "scores": {
            one.name: one.as_json("images") | {"of_set": one.kind.of_set} for one in report.outcomes
        },
    }


def table(report: Report) -> Table:
    return outcome.table(
        report.outcomes,
        report.sides,
        title=SOURCE,
        mean="mean",
        what="images",
        written=lambda value: f"{value:.4f}",
    )


def remarks(report: Report) -> list[str]:
    """What is to be said beside the table, a line each."""
    found = outcome.notes(report.outcomes)
    if report.left_out:
        found.append(f"left out, since they can't be read: {len(report.left_out)} images")
    return found
