"""What the nightly tests share: VBench's own environment, and clips that it can look at."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from w2sd_video.eval.vbench import environment

from w2sd_video.render.errors import InputError
from w2sd_video.render.media.video import write_mp4

PLACE = environment.place()  # before a test's cache takes the place of the user's


def opened(folder: Path = PLACE) -> Path:
    """VBench's environment; where it is asked for and not there, a test fails."""
    if not os.environ.get("W2SD_NIGHTLY_VBENCH"):
        pytest.skip("run by: make nightly-vbench nightly-vbench-wiring")
    try:
        return environment.opened(folder)[0]
    except InputError as error:
        pytest.fail(str(error))


def write_clips(folder: Path) -> Path:
    """A still clip, a moving one and a noisy one, 64 x 96 and five frames."""
    folder.mkdir()
    noise = np.random.default_rng(0)
    y, x = np.mgrid[:64, :96]
    ground = np.stack([2 * x, 3 * y, 255 - x], axis=-1)
    for name, speed, grain in (("still-0", 0, 0), ("moving-0", 5, 0), ("noisy-0", 2, 40)):
        frames = []
        for t in range(5):
            frame = ground + noise.integers(-grain, grain + 1, ground.shape)
            frame[(x - 20 - speed * t) ** 2 + (y - 32) ** 2 < 100] = (255, 0, 0)
            frames.append(frame.clip(0, 255).astype(np.uint8))
        write_mp4(folder / f"{name}.mp4", np.stack(frames), 8, 12, {})
    return folder


def said(line: str) -> None:
    print(line, flush=True)
