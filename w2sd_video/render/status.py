"""How far a folder is, from its ledger."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from w2sd_video.render.errors import InputError
from w2sd_video.render.ledger import Ledger

STATES = ("done", "running", "queued", "failed")


def report(folder: Path) -> Iterator[Table | str]:
    """Jobs, evaluations and seconds by state; then each failure with its reason.

    Raises:
        InputError: if the folder has no ledger.
    """
    file = folder / "ledger.sqlite"
    if not file.is_file():
        raise InputError("has no ledger.sqlite, so it is no folder of clips", str(folder))
    with Ledger(file) as ledger:
        sums = ledger.summary()
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("state")
        for title in ("clips", "evaluations", "seconds", "seconds a clip"):
            table.add_column(title, justify="right")
        for state in STATES:
            if state in sums:
                count, evaluations, seconds = sums[state]
                spent = (str(evaluations), f"{seconds:.1f}", f"{seconds / count:.1f}")
                table.add_row(state, str(count), *(spent if evaluations else ("", "", "")))
        yield table
        for row in ledger.rows("failed"):
            yield escape(f"{row['name']}: {row['error']}")
