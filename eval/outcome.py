"""What an evaluation has come to, score by score, and how that is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

from rich.table import Table

NOT_AVAILABLE = "not available"


@dataclass
class Outcome:
    """What has become of one score, or dimension.

    Attributes:
        values: by side, the mean or the official aggregate, and of how many clips or images; empty
            if there is none.
        scored, kept: clips, images or sets that were scored now, and that had a score.
        reasons: why there is no value, a line each.
        notes: what a person should know of the values.
        code: the exit code, 0 if it is scored.
    """

    name: str
    _: KW_ONLY
    values: dict[str, tuple[float, int]] = field(default_factory=dict)
    scored: int = 0
    kept: int = 0
    reasons: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    code: int = 0

    def as_json(self, what: str) -> dict[str, Any]:
        """Everything in it. ``what`` was scored: clips or images. None where there is no value."""
        return {
            "values": {side or what: value for side, (value, _) in self.values.items()} or None,
            what: {side or what: count for side, (_, count) in self.values.items()},
            "scored_now": self.scored,
            "reasons": self.reasons,
            "notes": self.notes,
            "code": self.code,
        }


def code_of(outcomes: Sequence[Outcome]) -> int:
    """The first one's that is not scored."""
    return next((outcome.code for outcome in outcomes if outcome.code), 0)


def table(
    outcomes: Sequence[Outcome],
    sides: Sequence[str],
    *,
    title: str,
    mean: str,
    what: str,
    written: Callable[[float], str],
) -> Table:
    """A row a score, a column a side.

    Args:
        mean: what the column is called where there is one side only, which has no name.
        what: was scored: clips or images.
    """
    found = Table(box=None, pad_edge=False, header_style="bold")
    found.add_column(title)
    for side in sides:
        found.add_column(side or mean, justify="right")
    found.add_column(what, justify="right")
    for outcome in outcomes:
        values = [
            written(outcome.values[side][0]) if side in outcome.values else NOT_AVAILABLE
            for side in sides
        ]
        counts = sum(count for _, count in outcome.values.values())
        found.add_row(outcome.name, *values, str(counts or ""))
    return found


def notes(outcomes: Sequence[Outcome]) -> list[str]:
    """A line each; why a value is missing was said before."""
    return [f"{outcome.name}: {note}" for outcome in outcomes for note in outcome.notes]
