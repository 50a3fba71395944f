"""How far a folder is, from its ledger."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from w2sd_video.render.folder import rows

STATES = ("done", "running", "queued", "failed")


def report(folder: Path) -> Iterator[Table | str]:
    """Jobs, evaluations and seconds by state; then each failure with its reason.

    Raises:
        InputError: if the folder has no ledger.
    """
    found = rows(folder)
    yield _table(found)
    for row in found:
        if row["state"] == "failed":
            yield escape(f"{row['name']}: {row['error']}")


def _table(found: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("state")
    for title in ("clips", "evaluations", "seconds", "seconds a clip"):
        table.add_column(title, justify="right")
    for state in STATES:
        of_state = [row for row in found if row["state"] == state]
        evaluations = sum(row["evaluations"] or 0 for row in of_state)
        seconds = sum(row["seconds"] or 0.0 for row in of_state)
        if of_state:
            spent = (str(evaluations), f"{seconds:.1f}", f"{seconds / len(of_state):.1f}")
            table.add_row(state, str(len(of_state)), *(spent if evaluations else ()))
    return table
