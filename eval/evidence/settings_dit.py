"""What to recommend on the embedded video transformer."""

from __future__ import annotations

from .result import Result
from .video.settings import run as settings


def run(seed: int, quick: bool) -> Result:
    return settings("dit", seed, quick)
