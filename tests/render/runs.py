"""Whole runs in this process, and what is left of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from w2sd_video.render.jobs.events import Result
from w2sd_video.render.jobs.job import Job
from w2sd_video.render.media.video import read_mp4
from w2sd_video.render.record.folder import open_folder
from w2sd_video.render.record.ledger import Ledger
from w2sd_video.render.record.standing import standing
from w2sd_video.render.run import run


def render(jobs: list[Job], folder: Path, on_step=lambda step: None) -> list[Result]:
    results: list[Result] = []
    with open_folder(folder) as ledger:
        run(standing(jobs, folder, ledger, True).jobs, folder, ledger, on_step, results.append)
    return results


def states(folder: Path) -> dict[str, str]:
    with Ledger(folder / "ledger.sqlite") as ledger:
        return {row["name"]: row["state"] for row in ledger.rows()}


def frames(folder: Path, name: str) -> np.ndarray:
    return read_mp4(folder / "clips" / f"{name}.mp4").frames.astype(int)
