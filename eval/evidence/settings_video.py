"""What to recommend on the embedded video UNet."""

from __future__ import annotations

from .result import Result
from .video.settings import run as settings


def run(seed: int, quick: bool) -> Result:
    return settings("video", seed, quick)
