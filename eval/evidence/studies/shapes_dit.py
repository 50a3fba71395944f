"""Table 12's question on the embedded video transformer."""

from __future__ import annotations

from ..embedded.record import Record
from ..result import Result
from ..video.comparison.study import run as study


def run(seed: int, quick: bool, recorded: Record | None = None) -> Result:
    return study("dit", seed, quick, recorded)
