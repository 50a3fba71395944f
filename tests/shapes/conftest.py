"""A training folder with a VAE and clips, of a few steps."""

from __future__ import annotations

from pathlib import Path

import pytest

from w2sd_video.shapes.clips import encode_clips
from w2sd_video.shapes.optimize import Stage, Team
from w2sd_video.shapes.recipe import Recipe
from w2sd_video.shapes.vae import train_vae

DATA = Recipe(
    vae=Stage(steps=4, batch=2, rate=1e-3),
    image=Stage(steps=4, batch=2, rate=1e-3),
    video=Stage(steps=4, batch=1, rate=1e-3),
    clips=4,
    stills=2,
)


def silent(line: str) -> None: ...


@pytest.fixture
def data(tmp_path: Path) -> Path:
    vae = train_vae(DATA.vae, DATA.seed, tmp_path, Team(), silent)
    encode_clips(vae, DATA.clips, DATA.seed, tmp_path, Team(), silent)
    return tmp_path
