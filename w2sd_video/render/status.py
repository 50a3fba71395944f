"""How far a folder is, from its ledger."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from w2sd_video.render.folder import ledgers
from w2sd_video.render.ledger import Ledger

STATES = ("done", "running", "queued", "failed")
AMOUNTS = ("clips", "evaluations", "seconds")


def report(folder: Path) -> Iterator[Table | str]:
    """Jobs, evaluations and seconds by state; then each failure with its reason.

    Raises:
        InputError: if the folder has no ledger.
    """
    sums: defaultdict[tuple[str, str], float] = defaultdict(float)
    failures: list[str] = []
    for file in ledgers(folder):
        with Ledger(file) as ledger:
            for state, spent in ledger.summary().items():
                for what, amount in zip(AMOUNTS, spent, strict=True):
                    sums[state, what] += amount
            for row in ledger.rows("failed"):
                failures.append(escape(f"{row['name']}: {row['error']}"))
    yield _table(sums)
    yield from failures


def _table(sums: defaultdict[tuple[str, str], float]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("state")
    for title in (*AMOUNTS, "seconds a clip"):
        table.add_column(title, justify="right")
    for state in STATES:
        clips, evaluations, seconds = (sums[state, what] for what in AMOUNTS)
        if not clips:
            continue
        spent = (f"{evaluations:.0f}", f"{seconds:.1f}", f"{seconds / clips:.1f}")
        table.add_row(state, f"{clips:.0f}", *(spent if evaluations else ()))
    return table
