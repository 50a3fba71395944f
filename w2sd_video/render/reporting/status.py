"""How far a folder is, from its ledger."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from w2sd_video.render.record.folder import holders, rows, runs
from w2sd_video.render.reporting.units import duration, mebibytes

STATES = ("done", "running", "interrupted", "queued", "failed")


def report(folder: Path) -> Iterator[Table | str]:
    """Jobs by state, and who renders; the runs, and what was forecast of them; each failure with
    its reason.

    Raises:
        InputError: if the folder has no ledger.
    """
    holding = holders(folder)
    found = rows(folder)
    for row in found:
        if row["state"] == "running" and holding is not None and row["ledger"] not in holding:
            row["state"] = "interrupted"
    yield _jobs(found)
    yield escape(_under_way(holding))
    if past := runs(folder):
        yield ""
        yield _runs(past)
    for row in found:
        if row["state"] == "failed":
            yield escape(f"{row['name']}: {row['error']}")


def _under_way(holding: dict[str, str] | None) -> str:
    """One line: who renders into the folder at this moment."""
    if holding is None:
        return "whether a render is under way can't be told on this file system"
    if not holding:
        return "no render is under way"
    return f"rendering now: {', '.join(holding.values())}"


def _table(*titles: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(titles[0])
    for title in titles[1:]:
        table.add_column(title, justify="right")
    return table


def _jobs(found: list[dict[str, Any]]) -> Table:
    table = _table("state", "clips", "evaluations", "seconds", "seconds a clip")
    for state in STATES:
        of_state = [row for row in found if row["state"] == state]
        evaluations = sum(row["evaluations"] or 0 for row in of_state)
        seconds = sum(row["seconds"] or 0.0 for row in of_state)
        if of_state:
            spent = (str(evaluations), f"{seconds:.1f}", f"{seconds / len(of_state):.1f}")
            table.add_row(state, str(len(of_state)), *(spent if evaluations else ()))
    return table


def _runs(past: list[dict[str, Any]]) -> Table:
    table = _table("run", "on", "clips", "forecast", "took", "off", "files", "memory")
    for run in past:
        began = time.strftime("%Y-%m-%d %H:%M", time.localtime(run["began"]))
        expected, took = run["expected_seconds"], run["seconds"]
        rendered = "-" if run["rendered"] is None else str(run["rendered"])
        off = ""
        if expected and took and run["rendered"] == run["clips"]:
            off = f"{took / expected - 1:+.0%}"
        table.add_row(
            began,
            run["place"],
            f"{rendered} of {run['clips']}",
            "" if expected is None else duration(expected),
            "did not end" if took is None else duration(took),
            off,
            "" if run["size"] is None else mebibytes(run["size"]),
            "" if run["memory"] is None else mebibytes(run["memory"]),
        )
    return table
