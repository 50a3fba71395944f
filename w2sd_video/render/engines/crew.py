"""Workers elsewhere: who gets which batch, and what becomes of it if a worker dies."""

from __future__ import annotations

import logging
from collections import Counter, deque
from dataclasses import dataclass
from typing import Protocol

from w2sd_video.render.errors import InputError, RunError
from w2sd_video.render.jobs.events import Event, Result, Stopped, Tell
from w2sd_video.render.jobs.job import Job

from . import Batches, Check

log = logging.getLogger(__name__)

DEATHS = 3  # workers that a job may outlive before it is taken for what kills them
PATIENCE = 0.2  # seconds between two looks at whether to stop


@dataclass(frozen=True)
class Ready:
    """A worker waits for a batch."""


@dataclass(frozen=True)
class Said:
    """A worker's log record, for whoever displays them."""

    level: int
    text: str


@dataclass(frozen=True)
class Refused:
    """A worker can't render a batch, or write what it made, and neither could another."""

    error: InputError | RunError


@dataclass(frozen=True)
class Gone:
    """A worker has ended; ``why`` if it was not asked to."""

    why: str = ""


Message = Event | Ready | Said | Refused | Gone


class Crew(Protocol):
    """Workers elsewhere, each known by a number. One that dies may be replaced by a new one."""

    def messages(self, seconds: float) -> list[tuple[int, Message]]:
        """What workers have sent; waits so long for the first."""
        ...

    def give(self, worker: int, batch: list[Job]) -> None:
        """Have a worker that is ready render a batch."""
        ...

    def stop(self) -> None:
        """Have each end after its step, or at once if it has none under way."""
        ...

    @property
    def living(self) -> int:
        """How many have not ended."""
        ...


def lead(crew: Crew, batches: Batches, tell: Tell, check: Check) -> None:
    """Have a crew render batches: whoever is ready gets the next. See ``Engine``."""
    leader = _Leader(crew, deque(batches), tell)
    try:
        while leader.unfinished:
            check()
            leader.go_on()
        leader.end()
    except (KeyboardInterrupt, InputError, RunError):
        leader.end()
        raise
    finally:
        leader.put_back()


class _Leader:
    def __init__(self, crew: Crew, batches: deque[list[Job]], tell: Tell) -> None:
        self._crew, self._batches, self._tell = crew, batches, tell
        self._heard: deque[tuple[int, Message]] = deque()
        self._idle: deque[int] = deque()
        self._given: dict[int, dict[str, Job]] = {}  # to a worker, and not yet told of
        self._deaths: Counter[str] = Counter()  # by job
        self._known: set[int] = set()  # workers that have been ready, and live
        self._stillborn = 0
        self._ending = False

    @property
    def unfinished(self) -> bool:
        return bool(self._batches) or any(self._given.values())

    def go_on(self) -> None:
        self._hear()
        for worker in list(self._idle):
            if self._batches and not self._waits(worker, self._batches[0]):
                self._idle.remove(worker)
                batch = self._batches.popleft()
                self._given.setdefault(worker, {}).update({job.id: job for job in batch})
                self._crew.give(worker, batch)

    def _waits(self, worker: int, batch: list[Job]) -> bool:
        """Whether a worker that still writes files has to finish them before it gets a batch.

        What workers have died with is rendered and written alone, so that no other clip is
        taken for the cause.
        """
        unfinished = self._given.get(worker, {})
        return bool(unfinished) and any(
            self._deaths[job_id] for job_id in (*unfinished, *(job.id for job in batch))
        )

    def end(self) -> None:
        """Let the steps under way come to their end; what is finished is kept."""
        self._ending = True
        self._batches.clear()
        self._crew.stop()
        while self._crew.living or self._heard:
            self._hear()

    def put_back(self) -> None:
        """Whatever was given out and is not finished."""
        if given := [job for jobs in self._given.values() for job in jobs.values()]:
            self._tell(Stopped(given))

    def _hear(self) -> None:
        if self._crew.living:
            self._heard.extend(self._crew.messages(PATIENCE))
        while self._heard:
            worker, message = self._heard.popleft()
            if isinstance(message, Ready):
                self._known.add(worker)
                self._stillborn = 0
                self._idle.append(worker)
            elif isinstance(message, Said):
                log.log(message.level, "%s", message.text)
            elif isinstance(message, Refused):
                if self._known - {worker} and worker not in self._known:
                    log.warning("a worker is left out: %s", message.error)
                elif not self._ending:
                    raise message.error
            elif isinstance(message, Gone):
                self._left(worker, message.why)
            else:
                if isinstance(message, Result):
                    self._given[worker].pop(message.job.id, None)
                self._tell(message)

    def _left(self, worker: int, why: str) -> None:
        """A worker has ended: its clips are another's, unless they may be why."""
        if worker in self._idle:
            self._idle.remove(worker)
        if why and worker not in self._known and not self._ending:
            self._stillborn += 1
            if self._stillborn >= DEATHS and not self._known:
                raise RunError(f"workers can't start: {why}")
        self._known.discard(worker)
        jobs = list(self._given.pop(worker, {}).values())
        if not jobs:
            return
        self._tell(Stopped(jobs))
        if not why or self._ending:
            return
        self._deaths.update(job.id for job in jobs)
        again = [job for job in jobs if self._deaths[job.id] < DEATHS]
        for job in jobs:
            if job not in again:
                self._tell(Result(job, error=f"{DEATHS} workers died with it: {why}"))
        self._batches.extendleft([job] for job in reversed(again))  # alone, each
        if again:
            clips = "its clip" if len(again) == 1 else f"its {len(again)} clips"
            log.warning("a worker died (%s); another takes up %s", why, clips)
