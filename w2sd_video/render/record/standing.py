"""How far a folder is with a list: which clips are to be rendered, and why."""

from __future__ import annotations

import json
import os
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path

from w2sd_video.render.jobs.events import Cost, Result
from w2sd_video.render.jobs.job import Job
from w2sd_video.render.record.folder import entries as entries_of
from w2sd_video.render.record.ledger import Entry, Ledger
from w2sd_video.render.record.moving import move, to_move
from w2sd_video.render.record.wholeness import ends_well

CHUNK = 500  # clips that are recorded together
LATER = 10**9  # nanoseconds: what was written so much after its clip is not as it was published


@dataclass(frozen=True)
class Standing:
    """How far a folder is with a list.

    Attributes:
        jobs: those to render.
        why: how many of them for which reason.
        done: how many are there already.
        failed: how many failed before and are left alone.
        moved: how many were there under another name.
    """

    jobs: list[Job]
    why: Counter[str]
    done: int
    failed: int
    moved: int = 0


def standing(jobs: list[Job], folder: Path, ledger: Ledger, retry_failed: bool = False) -> Standing:
    """Which jobs to render: all but those whose own files are there, and whole.

    A file that is as it was when it was published, by size and time, is not decoded again. A
    clip that no ledger knows of is taken into this one if it is the job's very own. One that is
    there under another name is moved to its job's.
    """
    entries, whole = ledger.entries(), folder / "ledger.sqlite"
    share = ledger.path != whole  # whose ledger knows its own jobs only
    if share and whole.is_file():
        with Ledger(whole, read_only=True) as before:
            entries = before.entries() | entries
    moved = move(jobs, folder, entries, share)
    if moved.jobs:
        ledger.renamed(moved.jobs, moved.aside)
        entries |= ledger.entries()
    return replace(_sorted(jobs, folder, entries, ledger, retry_failed), moved=len(moved.jobs))


def glance(jobs: list[Job], folder: Path, retry_failed: bool = False) -> Standing:
    """What ``standing`` would find, by a look that changes nothing and keeps nobody out.

    Raises:
        InputError: if the folder has no ledger, or one that can't be read.
    """
    entries = entries_of(folder)
    moved = {job.id for job in to_move(jobs, folder, entries).values()}
    others = [job for job in jobs if job.id not in moved]
    found = _sorted(others, folder, entries, None, retry_failed)
    return replace(found, done=found.done + len(moved), moved=len(moved))


def _sorted(
    jobs: list[Job],
    folder: Path,
    entries: dict[str, Entry],
    ledger: Ledger | None,
    retry_failed: bool,
) -> Standing:
    """Which jobs to render; what is found out is recorded, if there is a ledger to write into."""
    names = {entry.name for entry in entries.values() if entry.state == "done"}
    files: dict[str, os.DirEntry[str]] = {}
    with suppress(FileNotFoundError):
        files = {entry.name: entry for entry in os.scandir(folder / "clips")}
    todo: list[Job] = []
    adopted: list[Result] = []
    why: Counter[str] = Counter()
    failed = 0
    for job in jobs:
        entry = entries.get(job.id)
        unrecorded = entry is None or entry.state in ("queued", "running") or entry.name != job.name
        if unrecorded and f"{job.name}.json" in files and (known := _found(folder, job)):
            adopted.append(known)
            if len(adopted) == CHUNK:
                _adopt(adopted, ledger)
            continue
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
    _adopt(adopted, ledger)
    return Standing(todo, why, len(jobs) - len(todo) - failed, failed)


def _adopt(found: list[Result], ledger: Ledger | None) -> None:
    """Record clips that were not, and empty the list."""
    if ledger:
        ledger.add(result.job for result in found)
        for result in found:
            ledger.ended(result)
    found.clear()


def _found(folder: Path, job: Job) -> Result | None:
    """A job's clip of which no ledger knows.

    The run was killed when it had been written and not yet recorded, or a ledger was lost.
    """
    from w2sd_video.render.files.clips import files, is_whole

    paths = files(folder, job)
    try:
        said = json.loads(paths["json"].read_text("utf-8"))
        if said["id"] != job.id or not is_whole(folder, job):
            return None
        if not all(map(ends_well, list(paths.values())[1:])):
            return None
        known = {field.name: said[field.name] for field in fields(Cost) if field.name in said}
        size = sum(path.stat().st_size for path in paths.values())
        cost = Cost(**known)
        if not isinstance(cost.seconds, dict):
            return None
        made = said["versions"] if isinstance(said.get("versions"), dict) else None
        return Result(job, next(iter(paths.values())), size=size, cost=cost, versions=made)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _amiss(
    job: Job, entry: Entry, folder: Path, files: dict[str, os.DirEntry[str]], ledger: Ledger | None
) -> str:
    """What is wrong with the files of a job that was done; nothing if it is empty."""
    from w2sd_video.render.files.clips import is_whole, suffixes

    main, *others = (f"{job.name}.{suffix}" for suffix in suffixes(job))
    if entry.name != job.name or main not in files:
        return "missing"
    status = files[main].stat()
    as_it_was = (status.st_size, status.st_mtime_ns) == (entry.size, entry.modified)
    if not as_it_was:
        if not is_whole(folder, job):
            return "damaged"
        if ledger:
            ledger.seen(job, folder / "clips" / main)
    if not all(name in files for name in others):
        return "missing"
    # A hundred thousand texts would take seconds to read, and almost none was written later.
    looked_at = [
        files[name]
        for name in others
        if not name.endswith(".json") or files[name].stat().st_mtime_ns > status.st_mtime_ns + LATER
    ]
    return "" if all(ends_well(Path(file.path)) for file in looked_at) else "damaged"
