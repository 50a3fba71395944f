"""A list of a hundred thousand prompts: planned, queued, and found done again."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from w2sd_video.memory.tensors import MIB
from w2sd_video.render.jobs.job import Job
from w2sd_video.render.jobs.plan import plan
from w2sd_video.render.jobs.prompts import read_prompts
from w2sd_video.render.record.folder import open_folder
from w2sd_video.render.record.ledger import Ledger
from w2sd_video.render.record.standing import standing
from w2sd_video.render.settings.resolve import read_config

from .measure import Figures, alone

JOBS = 100_000


def resume() -> Figures:
    """Seconds to plan and queue the list, and of ``render`` where all of it is done.

    ``held_mib`` is the most that the command takes.
    """
    return alone(_resume)


def _resume() -> Figures:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        rows = (f"a red circle moving left, number {i}, {i % 7}" for i in range(JOBS))
        (folder / "l.csv").write_text("prompt,seed\n" + "\n".join(f'"{r}",5' for r in rows))
        start = time.perf_counter()
        jobs = _plan(folder)
        with open_folder(folder) as ledger:
            found = standing(jobs, folder, ledger)
            ledger.add(found.jobs)
        first = time.perf_counter() - start
        _pretend(jobs, folder)
        del jobs, found
        command = [Path(sys.executable).parent / "render", folder / "l.csv", "-o", folder]
        start = time.perf_counter()
        said = subprocess.check_output(command, text=True)
        again = time.perf_counter() - start
        if f"{JOBS} skipped" not in said:
            raise RuntimeError(said)
        held = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
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
    """Empty files, a ledger that knows them as published, and the page that a run ends with."""
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
    (folder / "gallery.html").touch()
