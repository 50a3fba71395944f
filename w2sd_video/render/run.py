"""A run: what is unfinished in a folder is rendered, published and recorded, clip by clip."""

from __future__ import annotations

import logging
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from w2sd_video.pipelines.catalog import MODULES
from w2sd_video.render.errors import InputError
from w2sd_video.render.jobs import Job, batches
from w2sd_video.render.kinds import pipeline_name
from w2sd_video.render.layers import guilty
from w2sd_video.render.ledger import Entry, Ledger

if TYPE_CHECKING:
    from w2sd_video.render.publishing import Publisher, Result
    from w2sd_video.render.worker import Step, Worker

log = logging.getLogger(__name__)


def open_folder(folder: Path) -> Ledger:
    """Make the folder if need be, see that it can be written to, and open its ledger.

    Raises:
        InputError: if it can't be used.
    """
    try:
        (folder / "clips").mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder / "clips"):
            pass
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"can't be written to: {reason}", str(folder)) from None
    return Ledger(folder / "ledger.sqlite")


def write_settings(folder: Path, given: dict[str, Any], resolved: dict[str, Any]) -> None:
    """Keep the configuration as given and as resolved in ``run.yaml``."""
    path, part = folder / "run.yaml", folder / ".run.yaml.part"
    text = yaml.safe_dump(
        {"given": given, "resolved": resolved}, sort_keys=False, allow_unicode=True
    )
    part.write_text(text, "utf-8")
    os.replace(part, path)


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
    entries = ledger.entries()
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


def run(
    jobs: list[Job],
    folder: Path,
    ledger: Ledger,
    on_step: Callable[[Step], None],
    on_result: Callable[[Result], None],
) -> None:
    """Render jobs batch by batch, and publish what a batch made while the next is under way.

    A job that fails is recorded and the rest goes on. Stopping at any moment keeps what is
    finished and puts the rest back into the queue.

    Args:
        jobs: those to render, see ``standing``.
        on_step: called before the first and after every denoising step.
        on_result: called once a job, when its files are in place or it has failed.

    Raises:
        InputError: if a model can't be loaded, or lacks what its configuration asks for.
    """
    if not jobs:
        return
    for library in ("TRANSFORMERS", "DIFFUSERS"):  # what matters to a user is said here
        os.environ.setdefault(f"{library}_VERBOSITY", "error")
    from w2sd_video.render.calls import check  # these import torch
    from w2sd_video.render.loading import pipeline_class
    from w2sd_video.render.publishing import Publisher
    from w2sd_video.render.worker import Worker

    for job in {id(job.settings): job for job in jobs}.values():  # one of each kind
        if pipeline_name(job.config.model) in MODULES:
            with _blaming(job):
                check(pipeline_class(job.config.model), job.config)
    ledger.add(jobs)
    worker = Worker()
    with Publisher(folder, ledger, on_result) as publisher:

        def stepped(step: Step) -> None:
            publisher.collect()
            on_step(step)

        for batch in batches(jobs):
            _render(worker, batch, ledger, stepped, publisher)
            publisher.collect(most=len(batch))  # frames of two batches are in memory, no more


@contextmanager
def _blaming(job: Job) -> Iterator[None]:
    """A complaint about a key becomes one about the file and line that gave it.

    A key that none gave is the row's to give.
    """
    try:
        yield
    except InputError as error:
        path = tuple(error.key.split("."))
        layer = guilty(job.layers, path)
        layer = layer if layer.depth(path) else job.layers[-1]
        raise layer.error(error.message, path) from None


def _render(
    worker: Worker,
    batch: list[Job],
    ledger: Ledger,
    on_step: Callable[[Step], None],
    publisher: Publisher,
) -> None:
    """Render a batch, one clip alone if need be."""
    ledger.start(batch)
    try:
        with _blaming(batch[0]):
            rendered = worker.render(batch, on_step)
    except InputError:
        ledger.stopped(batch)
        raise
    except Exception as error:
        if len(batch) == 1:
            publisher.fail(batch[0], error)
            return
        log.info("a batch failed; its clips are tried one by one", exc_info=True)
        for job in batch:  # one clip may have spoilt it for the others
            _render(worker, [job], ledger, on_step, publisher)
    except BaseException:
        ledger.stopped(batch)
        raise
    else:
        for job, clip in zip(batch, rendered, strict=True):
            publisher.add(job, clip)
