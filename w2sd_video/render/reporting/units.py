"""Times and sizes for people."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """``75`` as ``1:15``, ``3700`` as ``1:01:40``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def mebibytes(size: int) -> str:
    """A size that a person can read."""
    return f"{size / 2**20:.{0 if size >= 100 * 2**20 else 1}f} MiB"
