"""An evaluation in words: a table for people, or one JSON object."""

from __future__ import annotations

from typing import Any

from rich.table import Table
from w2sd_video.eval import outcome
from w2sd_video.eval.vbench.dimensions import DIMENSIONS
from w2sd_video.eval.vbench.scoring import SOURCE, Report

TITLES = {"quality": "Quality", "semantic": "Semantic", "total": "Total"}


def as_json(report: Report) -> dict[str, Any]:
    """Everything in it. Values are aggregates on VBench's scale, None where there is none."""
    return {
        "source": SOURCE,
        "mode": report.mode,
        "clips": len(report.clips),
        "dimensions": {one.name: one.as_json("clips") for one in report.outcomes},
        "totals": {side or "clips": report.totals(side) for side in report.sides},
    }


def table(report: Report) -> Table:
    """A row a dimension, a column a side, in percent as VBench's tables have it."""
    found = outcome.table(
        report.outcomes,
        report.sides,
        title=f"{SOURCE}, {report.mode} mode",
        mean="%",
        what="clips",
        written=lambda value: f"{100 * value:.2f}",
    )
    if report.mode == "standard":
        for name, title in TITLES.items():
            sides = [report.totals(side)[name] for side in report.sides]
            found.add_row(
                title, *[outcome.NOT_AVAILABLE if v is None else f"{100 * v:.2f}" for v in sides]
            )
    return found


def remarks(report: Report) -> list[str]:
    """What is to be said beside the table, a line each."""
    lines = outcome.notes(report.outcomes)
    rates = sorted({clip.fps for clip in report.clips})
    if "dynamic_degree" in {o.name for o in report.outcomes if o.values} and len(rates) > 1:
        told = ", ".join(f"{rate:g}" for rate in rates)
        lines.append(f"dynamic_degree depends on the frame rate, and these clips have {told}")
    if report.mode == "standard":
        asked = {one.name for one in report.outcomes}
        if lacking := [name for name in DIMENSIONS if name not in asked]:
            lines.append(
                f"totals need all of their dimensions; not asked for: {', '.join(lacking)}"
            )
    return lines
