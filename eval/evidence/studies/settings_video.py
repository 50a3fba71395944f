"""What to recommend on the embedded video UNet."""

from __future__ import annotations

from ..embedded.record import Record
from ..result import Result
from ..video.settings.study import run as settings


def run(seed: int, quick: bool, recorded: Record | None = None) -> Result:
    return settings("video", seed, quick, recorded)
