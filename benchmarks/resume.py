"""A list of a hundred thousand prompts: planned, queued, and found done again."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import psutil

from w2sd_video.memory.tensors import MIB
from w2sd_video.render.jobs.job import Job
from w2sd_video.render.jobs.plan import plan
from w2sd_video.render.jobs.prompts import read_prompts
from w2sd_video.render.record.folder import open_folder
from w2sd_video.render.record.ledger import Ledger
from w2sd_video.render.record.standing import standing
from w2sd_video.render.settings.resolve import read_config

from .measure import Figures

JOBS = 100_000


def resume() -> Figures:
    """Seconds to plan and queue the list, and to plan it and find all of it done."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        rows = (f"a red circle moving left, number {i}, {i % 7}" for i in range(JOBS))
        (folder / "l.csv").write_text("prompt,seed\n" + "\n".join(f'"{r}",5' for r in rows))
        memory = psutil.Process().memory_info().rss
        start = time.perf_counter()
        jobs = _plan(folder)
        with open_folder(folder) as ledger:
            found = standing(jobs, folder, ledger)
            ledger.add(found.jobs)
        first = time.perf_counter() - start
        held = psutil.Process().memory_info().rss - memory
        _pretend(jobs, folder)
        del jobs, found
        start = time.perf_counter()
        with open_folder(folder) as ledger:
            found = standing(_plan(folder), folder, ledger)
        again = time.perf_counter() - start
        if found.done != JOBS:
            raise RuntimeError(f"{found.done} of {JOBS} were found done: {found.why}")
        size = (folder / "ledger.sqlite").stat().st_size
    return {
        "jobs": JOBS,
        "first_seconds": first,
        "again_seconds": again,
        "held_mib": held / MIB,
        "ledger_mib": size / MIB,
    }


def _plan(folder: Path) -> list[Job]:
    return plan([read_config("shapes")], read_prompts(str(folder / "l.csv"))).jobs


def _pretend(jobs: list[Job], folder: Path) -> None:
    """Empty files, and a ledger that knows them as published."""
    with Ledger(folder / "ledger.sqlite") as ledger, ledger._transaction():
        for job in jobs:
            file = folder / "clips" / f"{job.name}.mp4"
            for path in (file, file.with_suffix(".json")):
                os.close(os.open(path, os.O_CREAT))
            status = file.stat()
            ledger._db.execute(
                "UPDATE jobs SET state = 'done', size = ?, modified = ? WHERE id = ?",
                (status.st_size, status.st_mtime_ns, job.id),
            )
