"""Clips of noise, for what looks at files and not at what they show."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from w2sd_video.render.media.video import write_mp4


def write_clip(path: Path, seed: int = 0, frames: int = 4, fps: float = 8) -> Path:
    """A small clip of noise: another one by each seed."""
    pixels = np.random.default_rng(seed).integers(0, 256, (frames, 16, 16, 3), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_mp4(path, pixels, fps, 12, {})
    return path
