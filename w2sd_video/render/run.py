"""A run: jobs are rendered, published and recorded, batch by batch."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from w2sd_video.pipelines.catalog import MODULES
from w2sd_video.render.errors import InputError
from w2sd_video.render.jobs import Job, batches
from w2sd_video.render.kinds import pipeline_name
from w2sd_video.render.layers import guilty
from w2sd_video.render.ledger import Ledger

if TYPE_CHECKING:
    from w2sd_video.render.publishing import Publisher, Result
    from w2sd_video.render.worker import Step, Worker

log = logging.getLogger(__name__)


def run(
    jobs: list[Job],
    folder: Path,
    ledger: Ledger,
    on_step: Callable[[Step], None],
    on_result: Callable[[Result], None],
    worker: Worker | None = None,
) -> None:
    """Render jobs batch by batch, and publish what a batch made while the next is under way.

    A job that fails is recorded and the rest goes on. Stopping at any moment keeps what is
    finished and puts the rest back into the queue.

    Args:
        jobs: those to render, see ``standing.standing``.
        on_step: called before the first and after every denoising step.
        on_result: called once a job, when its files are in place or it has failed.
        worker: one that may have the model loaded already.

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
    worker = worker or Worker()
    with Publisher(folder, ledger, on_result) as publisher:

        def stepped(step: Step) -> None:
            try:
                publisher.collect()
                on_step(step)
            except Exception as error:  # which is no failure of the clip
                raise _NotTheClipError(error) from error

        try:
            for batch in batches(jobs):
                retries = batch[0].settings.config.retries
                _render(worker, batch, ledger, stepped, publisher, retries)
                publisher.collect(most=len(batch))  # frames of two batches are held, no more
        except _NotTheClipError as outer:
            raise outer.error from None


class _NotTheClipError(BaseException):
    """Something went wrong in telling or recording, in the middle of a step."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


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
    retries: int = 0,
) -> None:
    """Render a batch; if it fails each clip alone, and that as often as configured."""
    ledger.start(batch)
    alone = len(batch) == 1
    try:
        with _blaming(batch[0]):
            rendered = worker.render(batch, on_step)
        for job, clip in zip(batch, rendered, strict=True):
            publisher.add(job, clip)
        return
    except InputError:
        ledger.stopped(batch)
        raise
    except Exception as error:
        if alone and retries == 0:
            publisher.fail(batch[0], error)
            return
        log.info("%d clips failed and are tried alone", len(batch), exc_info=True)
    except BaseException:
        ledger.stopped(batch)
        raise
    try:  # out here, nothing holds what the first try had made
        for job in batch:  # one clip may have spoilt it for the others
            again = retries - 1 if alone else job.settings.config.retries
            _render(worker, [job], ledger, on_step, publisher, again)
    except BaseException:
        ledger.stopped(batch)
        raise
