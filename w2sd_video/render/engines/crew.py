"""Workers elsewhere: who gets which batch, and what becomes of it if a worker dies."""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Protocol

from w2sd_video.render.errors import InputError, RunError
from w2sd_video.render.jobs.events import Event, Result, Stopped, Tell
from w2sd_video.render.jobs.job import Job

from . import Batches, Check
from .waiting import Waiting

log = logging.getLogger(__name__)

DEATHS = 3  # workers that may die with a job, or refuse it, before it is taken for the cause
STARTING = 30.0  # seconds that others have to start when one after the other is no use
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
    """A worker can't render a batch, and waits for another; or, without one, it is no use."""

    error: InputError | RunError
    batch: list[Job] = field(default_factory=list)


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
    leader = _Leader(crew, Waiting(batches, tell), tell)
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


@dataclass
class _Doubt:
    """A batch that workers have refused: is it the batch, or are they to blame?"""

    batch: list[Job]
    error: InputError
    workers: set[int] = field(default_factory=set)


class _Leader:
    def __init__(self, crew: Crew, waiting: Waiting, tell: Tell) -> None:
        self._crew, self._waiting, self._tell = crew, waiting, tell
        self._heard: deque[tuple[int, Message]] = deque()
        self._idle: deque[int] = deque()
        self._given: dict[int, dict[str, Job]] = {}  # to a worker, and not yet told of
        self._deaths: Counter[str] = Counter()  # by job
        self._known: set[int] = set()  # workers that have been ready, and live
        self._doubts: dict[str, _Doubt] = {}  # by the first job of a batch
        self._out: dict[int, str] = {}  # workers that get nothing, and why
        self._useless = 0  # workers in a row that ended as no use
        self._stillborn = 0
        self._changed = time.monotonic()  # when a worker began to start, as far as is known
        self._ending = False

    @property
    def unfinished(self) -> bool:
        if self._waiting or any(self._given.values()):
            return True
        self._waiting.end()
        return False

    def go_on(self) -> None:
        self._hear()
        if not self._others_may_come():
            for doubt in list(self._doubts.values()):
                if self._is_waiting(doubt):
                    self._blame(doubt)
            if self._waiting and not self._known - self._out.keys():
                self._see_that_one_is_left()
        for worker in list(self._idle):
            if self._waiting and not self._waits(worker, self._waiting.first):
                self._idle.remove(worker)
                batch = self._waiting.take()
                self._given.setdefault(worker, {}).update({job.id: job for job in batch})
                self._crew.give(worker, batch)

    def _see_that_one_is_left(self) -> None:
        if self._out or not self._crew.living:
            why = next(reversed(self._out.values()), "all have ended")
            raise RunError(f"no worker is left that can render: {why}")

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
        self._waiting.clear()
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
                if worker in self._known:
                    self._waiting.accepted()
                self._known.add(worker)
                self._stillborn = 0
                self._idle.append(worker)
            elif isinstance(message, Said):
                log.log(message.level, "%s", message.text)
            elif isinstance(message, Refused):
                self._refused(worker, message)
            elif isinstance(message, Gone):
                self._left(worker, message.why)
            else:
                if isinstance(message, Result):
                    self._ended(worker, message)
                self._tell(message)

    def _ended(self, worker: int, result: Result) -> None:
        """What became of a job; if others have refused what is rendered, it was their fault."""
        self._given[worker].pop(result.job.id, None)
        self._waiting.accepted()
        self._useless = 0
        if doubt := self._doubts.pop(result.job.id, None):
            if result.error:
                self._readmit(doubt)
            else:
                log.warning("a worker is left out: %s", doubt.error)

    def _refused(self, worker: int, refusal: Refused) -> None:
        if self._ending:
            return
        error, batch = refusal.error, refusal.batch
        if batch and isinstance(error, InputError):
            self._doubt(worker, batch, error)
            return
        self._useless += worker in self._known
        if not self._known - self._out.keys() - {worker} or self._useless >= DEATHS:
            raise error
        self._out[worker] = str(error)
        log.warning("a worker is left out: %s", error)

    def _doubt(self, worker: int, batch: list[Job], error: InputError) -> None:
        """Have another worker try what one has refused; until it is settled, that gets nothing."""
        for job in batch:
            self._given[worker].pop(job.id, None)
        doubt = self._doubts.setdefault(batch[0].id, _Doubt(batch, error))
        doubt.workers.add(worker)
        self._out[worker] = str(error)
        self._waiting.put_back([batch])
        if len(doubt.workers) >= DEATHS:
            self._blame(doubt)

    def _is_waiting(self, doubt: _Doubt) -> bool:
        return not any(doubt.batch[0].id in given for given in self._given.values())

    def _others_may_come(self) -> bool:
        """Whether there is a worker to try what others have refused, or one may be starting."""
        if self._known - self._out.keys():
            return True
        starting = self._crew.living > len(self._known)
        return starting and time.monotonic() - self._changed < STARTING

    def _blame(self, doubt: _Doubt) -> None:
        """It is the batch; those who have refused it were right."""
        self._readmit(self._doubts.pop(doubt.batch[0].id))
        if self._waiting.withdraw(doubt.batch):
            self._waiting.refused(doubt.batch, doubt.error)

    def _readmit(self, doubt: _Doubt) -> None:
        """Whoever has refused a batch gets others."""
        for worker in sorted(doubt.workers & self._known):
            self._out.pop(worker, None)
            self._idle.append(worker)

    def _left(self, worker: int, why: str) -> None:
        """A worker has ended: its clips are another's, unless they may be why."""
        if worker in self._idle:
            self._idle.remove(worker)
        if why and worker not in self._known and not self._ending:
            self._stillborn += 1
            if self._stillborn >= DEATHS and not self._known:
                raise RunError(f"workers can't start: {why}")
            log.warning("a worker can't start: %s", why)
        self._known.discard(worker)
        self._out.pop(worker, None)
        self._changed = time.monotonic()
        jobs = list(self._given.pop(worker, {}).values())
        if not jobs:
            return
        self._tell(Stopped(jobs))
        if self._ending:
            return
        if not why:
            self._waiting.put_back([job] for job in jobs)
            return
        for doubt in [self._doubts.pop(job.id) for job in jobs if job.id in self._doubts]:
            self._readmit(doubt)
        self._deaths.update(job.id for job in jobs)
        again = [job for job in jobs if self._deaths[job.id] < DEATHS]
        for job in jobs:
            if job not in again:
                self._tell(Result(job, error=f"{DEATHS} workers died with it: {why}"))
        self._waiting.put_back([job] for job in again)  # alone, each
        if again:
            clips = "its clip" if len(again) == 1 else f"its {len(again)} clips"
            log.warning("a worker died (%s); another takes up %s", why, clips)
