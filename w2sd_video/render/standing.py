"""How far a folder is with a list: which clips are to be rendered, and why."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from w2sd_video.render.jobs import Job
from w2sd_video.render.ledger import Entry, Ledger


@dataclass(frozen=True)
class Standing:
    """How far a folder is with a list.

    Attributes:
        jobs: those to render.
        why: how many of them for which reason.
        done: how many are there already.
        failed: how many failed before and are left alone.
    """

    jobs: list[Job]
    why: Counter[str]
    done: int
    failed: int


def standing(jobs: list[Job], folder: Path, ledger: Ledger, retry_failed: bool = False) -> Standing:
    """Which jobs to render: all but those whose own files are there, and whole.

    A file that is as it was when it was published, by size and time, is not decoded again.
    """
    entries, whole = ledger.entries(), folder / "ledger.sqlite"
    if ledger.path != whole and whole.is_file():  # a shard's, which knows its own jobs only
        with Ledger(whole, read_only=True) as before:
            entries = before.entries() | entries
    names = {entry.name for entry in entries.values() if entry.state == "done"}
    files = {entry.name: entry for entry in os.scandir(folder / "clips")}
    todo: list[Job] = []
    why: Counter[str] = Counter()
    failed = 0
    for job in jobs:
        entry = entries.get(job.id)
        if entry is None:
            reason = "changed" if job.name in names else "new"
        elif entry.state == "failed":
            if not retry_failed:
                failed += 1
                continue
            reason = "failed before"
        elif entry.state != "done":
            reason = "interrupted" if entry.attempts else "new"
        else:
            reason = _amiss(job, entry, folder, files, ledger)
        if reason:
            why[reason] += 1
            todo.append(job)
    return Standing(todo, why, len(jobs) - len(todo) - failed, failed)


def _amiss(
    job: Job, entry: Entry, folder: Path, files: dict[str, os.DirEntry[str]], ledger: Ledger
) -> str:
    """What is wrong with the files of a job that was done; nothing if it is empty."""
    from w2sd_video.render.clips import is_whole, suffixes

    main, *others = (f"{job.name}.{suffix}" for suffix in suffixes(job))
    if entry.name != job.name or main not in files:
        return "missing"
    status = files[main].stat()
    as_it_was = (status.st_size, status.st_mtime_ns) == (entry.size, entry.modified)
    if not as_it_was:
        if not is_whole(folder, job):
            return "damaged"
        ledger.seen(job, folder / "clips" / main)
    return "" if all(name in files for name in others) else "missing"
