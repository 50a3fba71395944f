"""A result in the terminal: its claims, and what speaks against them."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from .result import HOLDS, OPEN, REFUTED, Result

STYLES = {HOLDS: "green", REFUTED: "bold red", OPEN: "yellow"}


def terminal(result: Result) -> Iterator[Table | Text]:
    table = Table(title=result.title, title_justify="left", box=None, pad_edge=False)
    for column in ("verdict", "claim", "measured", ""):
        table.add_column(column, overflow="fold")
    for claim in result.claims:
        verdict = Text(claim.verdict, STYLES[claim.verdict])
        table.add_row(verdict, Text(claim.text), Text(claim.row), Text(claim.found))
    yield table
    for remark in result.remarks:
        yield Text("  " + remark.replace("**", "").replace("`", ""))
