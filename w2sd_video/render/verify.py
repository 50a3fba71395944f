"""Finished clips are rendered again, each alone, and compared with the files that are there."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from w2sd_video.render import video
from w2sd_video.render.clips import files, publish
from w2sd_video.render.jobs import Job
from w2sd_video.render.ledger import Ledger
from w2sd_video.render.versions import versions

NEAR = 40.0  # dB: kernels round otherwise in other batches and on other machines


@dataclass(frozen=True)
class Check:
    """How far a clip is from the same one rendered again: PSNR in dB, inf for equal pixels."""

    job: Job
    psnr: float

    @property
    def ok(self) -> bool:
        return self.psnr >= NEAR

    def __str__(self) -> str:
        if math.isinf(self.psnr):
            return "the same pixels"
        return f"{self.psnr:.1f} dB PSNR" + ("" if self.ok else f", less than {NEAR:.0f}")


def verify(jobs: list[Job], count: int, folder: Path, ledger: Ledger) -> Iterator[Check]:
    """Render so many of the finished jobs again, drawn at random."""
    from w2sd_video.render.worker import Worker  # which imports torch

    worker = Worker()
    entries = ledger.entries()
    done = [job for job in jobs if job.id in entries and entries[job.id].state == "done"]
    for job in random.sample(done, min(count, len(done))):
        (clip,) = worker.render([job], lambda step: None)
        with TemporaryDirectory() as temporary:
            again = Path(temporary)
            (again / "clips").mkdir()
            publish(again, job, clip.frames, versions(), {})
            yield Check(job, psnr(_pixels(folder, job), _pixels(again, job)))


def psnr(a: video.Frames, b: video.Frames) -> float:
    """Of 8-bit frames, in dB; 0 if they are of another shape."""
    if a.shape != b.shape:
        return 0.0
    error = float(np.mean((a.astype(float) - b) ** 2))
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


def _pixels(folder: Path, job: Job) -> video.Frames:
    path = next(iter(files(folder, job).values()))
    return (video.read_png(path) if job.is_image else video.read_mp4(path)).frames
