"""What to recommend on the embedded video transformer."""

from __future__ import annotations

from ..embedded.record import Record
from ..result import Result
from ..video.settings.study import run as settings


def run(seed: int, quick: bool, recorded: Record | None = None) -> Result:
    return settings("dit", seed, quick, recorded)
