"""A run: an engine renders jobs, and what becomes of them is recorded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from w2sd_video.pipelines.catalog import MODULES
from w2sd_video.render.engines import Engine
from w2sd_video.render.engines.here import Here
from w2sd_video.render.jobs.batches import batches
from w2sd_video.render.jobs.events import Event, Result, Started, Step, Stopped
from w2sd_video.render.jobs.job import Job
from w2sd_video.render.record.ledger import Ledger
from w2sd_video.render.settings.kinds import pipeline_name
from w2sd_video.render.timing.paces import Tally


def check_calls(jobs: list[Job]) -> None:
    """See that pipelines' calls take what is configured for them, without loading any.

    Raises:
        InputError: naming the job and the key.
    """
    if not jobs:
        return
    from w2sd_video.render.engines.station import blaming
    from w2sd_video.render.inference.calls import check  # these import torch
    from w2sd_video.render.inference.loading import pipeline_class

    for job in {id(job.settings): job for job in jobs}.values():  # one of each kind
        if pipeline_name(job.config.model) in MODULES:
            with blaming(job):
                check(pipeline_class(job.config.model), job.config)


def run(
    jobs: list[Job],
    folder: Path,
    ledger: Ledger,
    on_step: Callable[[Step], None],
    on_result: Callable[[Result], None],
    engine: Engine | None = None,
    check: Callable[[], None] = lambda: None,
    tally: Tally | None = None,
) -> None:
    """Render jobs batch by batch.

    A job that fails is recorded and the rest goes on. Stopping at any moment keeps what is
    finished and puts the rest back into the queue.

    Args:
        jobs: those to render, see ``standing.standing``.
        on_step: called before the first and after every denoising step.
        on_result: called once a job, when its files are in place or it has failed.
        engine: where to render; in this process if None.
        check: called often; raises KeyboardInterrupt if the run is to end after its step.
        tally: takes the paces of what is rendered.

    Raises:
        InputError: if nothing can be rendered, as no model can be loaded, or lacks what its
            configuration asks for. If only some can't be, they fail.
    """
    if not jobs:
        return
    ledger.add(jobs)
    settings = {job.id: job.settings for job in jobs}

    def tell(event: Event) -> None:
        if isinstance(event, Step):
            on_step(event)
        elif isinstance(event, Started):
            ledger.start(event.jobs)
            if tally:
                tally.started()
        elif isinstance(event, Stopped):
            ledger.stopped(event.jobs)
        else:
            ledger.ended(event)
            if tally:
                tally.add(event, settings[event.job.id])
            on_result(event)

    (engine or Here())(batches(jobs), folder, tell, check)
