"""Folders of real clips, made without a model: ledgers, MP4s and scores as runs leave them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from w2sd_video.eval.results import Results, Score, digest

from w2sd_video.render.jobs.events import Cost, Result
from w2sd_video.render.jobs.job import Job
from w2sd_video.render.jobs.plan import plan
from w2sd_video.render.media.video import write_mp4
from w2sd_video.render.record.folder import open_folder
from w2sd_video.render.settings.layers import Layer

FRAMES, SIDE, FPS = 8, 32, 8
BASE: dict[str, Any] = {
    "model": "org/model",
    "width": SIDE,
    "height": SIDE,
    "num_frames": FRAMES,
    "num_inference_steps": 10,
    "guidance_scale": 2.0,
    "fps": FPS,
}
REFLECTION = {"weak": {"guidance_scale": 1.0}, "steps": 1.0}
REFLECTED = BASE | {"reflection": REFLECTION}
# How bright the clips of a kind are, so that they can be told apart.
COLORS = {"plain": (200, 40, 40), "reflected": (40, 90, 200)}

Scores = Callable[[Job], dict[str, float]]


def jobs_of(base: dict[str, Any], prompts: Iterable[Any], baseline: bool = False) -> list[Job]:
    """Jobs of a list; a prompt may be a whole row."""
    rows = [p if isinstance(p, dict) else {"prompt": p} for p in prompts]
    layers = [Layer(row, "list", {(): i}) for i, row in enumerate(rows, 1)]
    return plan([Layer(base, "config")], layers, baseline=baseline).jobs


def record(
    folder: Path,
    jobs: list[Job],
    score: Scores | None = None,
    failed: Iterable[str] = (),
    device: str = "",
    guidance: float | None = None,
) -> Path:
    """A folder in which these jobs are done, but for those of prompts that failed."""
    with open_folder(folder) as ledger, Results(folder) as results:
        ledger.add(jobs)
        for job in jobs:
            if job.prompt in failed:
                ledger.ended(Result(job, error="ValueError: no"))
                continue
            path = folder / "clips" / f"{job.name}.mp4"
            path.write_bytes(clip(job.kind, job.id))
            cost = Cost(
                job.cost or 0,
                {"denoise": 0.1 * (job.cost or 0)},
                device=device,
                guidance=guidance if job.kind == "reflected" else None,
            )
            ledger.ended(Result(job, path, cost=cost))
            if score:
                content = digest(path)
                results.add(Score(content, name, "test 1", v) for name, v in score(job).items())
    return folder


def clip(kind: str, own: str) -> bytes:
    """An MP4 in the color of its kind; what is its own stands in a box that players skip."""
    box = own.encode()
    return _encoded(kind) + (8 + len(box)).to_bytes(4, "big") + b"free" + box


@cache
def _encoded(kind: str) -> bytes:
    """A bar that moves over a color; encoding takes longer than all else in these tests."""
    frames = np.empty((FRAMES, SIDE, SIDE, 3), np.uint8)
    frames[:] = COLORS[kind]
    for i in range(FRAMES):
        frames[i, 14:18, 4 * i : 4 * i + 4] = (250, 240, 90)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        write_mp4(path, frames, FPS, 12, {})
        return path.read_bytes()


def run(
    folder: Path,
    base: dict[str, Any] = REFLECTED,
    prompts: Iterable[Any] = ("a", "b", "c"),
    score: Scores | None = None,
    baseline: bool = False,
    **others: Any,
) -> Path:
    """A folder of a list."""
    return record(folder, jobs_of(base, prompts, baseline), score, **others)
