"""An evaluation in words: a table for people, or one JSON object."""

from __future__ import annotations

from typing import Any

from rich.table import Table
from w2sd_video.eval.vbench.dimensions import DIMENSIONS
from w2sd_video.eval.vbench.scoring import SOURCE, Report

NOT_AVAILABLE = "not available"
TITLES = {"quality": "Quality", "semantic": "Semantic", "total": "Total"}


def as_json(report: Report) -> dict[str, Any]:
    """Everything in it. Values are aggregates on VBench's scale, None where there is none."""
    return {
        "source": SOURCE,
        "mode": report.mode,
        "clips": len(report.clips),
        "dimensions": {
            outcome.name: {
                "values": {side or "clips": v for side, (v, _) in outcome.values.items()} or None,
                "clips": {side or "clips": n for side, (_, n) in outcome.values.items()},
                "scored_now": outcome.scored,
                "reasons": outcome.reasons,
                "notes": outcome.notes,
                "code": outcome.code,
            }
            for outcome in report.outcomes
        },
        "totals": {side or "clips": report.totals(side) for side in report.sides},
    }


def table(report: Report) -> Table:
    """A row a dimension, a column a side, in percent as VBench's tables have it."""
    found = Table(box=None, pad_edge=False, header_style="bold")
    found.add_column(f"{SOURCE}, {report.mode} mode")
    for side in report.sides:
        found.add_column(side or "%", justify="right")
    found.add_column("clips", justify="right")
    for outcome in report.outcomes:
        values = [
            f"{100 * outcome.values[side][0]:.2f}" if side in outcome.values else NOT_AVAILABLE
            for side in report.sides
        ]
        counts = sum(count for _, count in outcome.values.values())
        found.add_row(outcome.name, *values, str(counts or ""))
    if report.mode == "standard":
        for name, title in TITLES.items():
            sides = [report.totals(side)[name] for side in report.sides]
            found.add_row(title, *[NOT_AVAILABLE if v is None else f"{100 * v:.2f}" for v in sides])
    return found


def remarks(report: Report) -> list[str]:
    """What is to be said beside the table, a line each; why a value is missing was said before."""
    lines = []
    for outcome in report.outcomes:
        lines += [f"{outcome.name}: {note}" for note in outcome.notes]
    rates = sorted({clip.fps for clip in report.clips})
    if "dynamic_degree" in {o.name for o in report.outcomes if o.values} and len(rates) > 1:
        told = ", ".join(f"{rate:g}" for rate in rates)
        lines.append(f"dynamic_degree depends on the frame rate, and these clips have {told}")
    if report.mode == "standard":
        asked = {outcome.name for outcome in report.outcomes}
        if lacking := [name for name in DIMENSIONS if name not in asked]:
            lines.append(
                f"totals need all of their dimensions; not asked for: {', '.join(lacking)}"
            )
    return lines
