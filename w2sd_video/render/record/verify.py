"""Finished clips are rendered again, each alone, and compared with the files that are there."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from w2sd_video.render.files.clips import files, publish
from w2sd_video.render.jobs.job import Job
from w2sd_video.render.media import video
from w2sd_video.render.record.folder import entries
from w2sd_video.render.versions import versions

if TYPE_CHECKING:
    from w2sd_video.render.inference.worker import Clip, Worker
    from w2sd_video.render.jobs.events import Step

NEAR = 40.0  # dB: kernels round otherwise in other batches and on other machines


@dataclass(frozen=True)
class Check:
    """How far a clip is from the same one rendered again: PSNR in dB, inf for equal pixels."""

    job: Job
    psnr: float
    error: str | None = None

    @property
    def ok(self) -> bool:
        return self.psnr >= NEAR

    def __str__(self) -> str:
        if self.error:
            return f"can't be compared: {self.error}"
        if math.isinf(self.psnr):
            return "the same pixels"
        return f"{self.psnr:.1f} dB PSNR" + ("" if self.ok else f", less than {NEAR:.0f}")


def verify(
    jobs: list[Job],
    count: int,
    folder: Path,
    worker: Worker,
    on_step: Callable[[Step], None],
) -> Iterator[Check]:
    """Render so many of the finished jobs again, drawn at random; whichever ledger knows them."""
    known = entries(folder)
    done = [job for job in jobs if job.id in known and known[job.id].state == "done"]
    for job in random.sample(done, min(count, len(done))):
        try:
            yield Check(job, _compared(job, folder, worker.render([job], on_step)[0]))
        except Exception as error:
            yield Check(job, 0.0, f"{type(error).__name__}: {error}")


def _compared(job: Job, folder: Path, clip: Clip) -> float:
    with TemporaryDirectory() as temporary:
        again = Path(temporary)
        (again / "clips").mkdir()
        publish(again, job, clip.frames, versions(), {})
        return psnr(_pixels(folder, job), _pixels(again, job))


def psnr(a: video.Frames, b: video.Frames) -> float:
    """Of 8-bit frames, in dB; 0 if they are of another shape."""
    if a.shape != b.shape:
        return 0.0
    error = float(np.mean((a.astype(float) - b) ** 2))
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


def _pixels(folder: Path, job: Job) -> video.Frames:
    path = next(iter(files(folder, job).values()))
    return (video.read_png(path) if job.is_image else video.read_mp4(path)).frames
