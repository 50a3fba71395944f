"""How far a run is, and how long it is still going to take."""

from __future__ import annotations

import time

from w2sd_video.render.jobs.events import Result, Step
from w2sd_video.render.jobs.job import Job


class Headway:
    """Counts evaluations and tells the time left from how it went so far.

    Where pipelines decide what clips cost, what is known of the work is the number of clips.
    """

    def __init__(self, jobs: list[Job]) -> None:
        self.jobs = len(jobs)
        self.finished = self.failed = 0
        self._by_clips = any(job.cost is None for job in jobs)
        self._expected = {job.id: 1 if self._by_clips else job.cost or 0 for job in jobs}
        self._evaluations = 0  # of finished jobs
        self._behind = 0  # work that is done: their evaluations, or how many they are
        self._ahead = sum(self._expected.values())
        self._start: float | None = None
        self._begun: dict[str, float] = {}  # when each batch under way began, by its first job
        self.under_way: dict[str, Step] = {}  # and how far it is
        self.seconds_per_step = 0.0

    def step(self, step: Step) -> None:
        now = time.monotonic()
        self._start = self._start or now  # loading the model is no part of the pace
        batch = step.jobs[0].id
        if step.done == 0:
            self._begun[batch] = now
        else:
            self.seconds_per_step = (now - self._begun.setdefault(batch, now)) / step.done
        self.under_way[batch] = step
        if step.done == step.total:  # its files are written while the next is under way
            for job in step.jobs:
                self._leave_behind(job, round(step.evaluations / len(step.jobs)))

    def result(self, result: Result) -> None:
        self.finished += 1
        self.failed += result.error is not None
        failed = result.error is not None
        self._leave_behind(result.job, result.cost.evaluations, 0 if failed else 1)

    def _leave_behind(self, job: Job, evaluations: int, clips: int = 1) -> None:
        if (expected := self._expected.pop(job.id, None)) is not None:
            self._ahead -= expected
            self._evaluations += evaluations
            self._behind += clips if self._by_clips else evaluations
        self.under_way.pop(job.id, None)

    @property
    def evaluations(self) -> int:
        """Done so far."""
        return self._evaluations + sum(step.evaluations for step in self.under_way.values())

    @property
    def _running(self) -> float:
        """Work that is done of what is under way."""
        running = self.under_way.values()
        if self._by_clips:
            return sum(len(step.jobs) * step.done / step.total for step in running)
        return sum(step.evaluations for step in running)

    def left(self) -> float | None:
        """Seconds, None as long as there is no pace to go by."""
        done = self._behind + self._running
        if self._start is None or not done or not self._ahead:
            return None
        pace = (time.monotonic() - self._start) / done
        return max(0.0, (self._ahead - self._running) * pace)

    @property
    def share(self) -> float:
        """How much is done, from 0 to 1."""
        total = self._behind + self._ahead
        done = self._behind + self._running
        return min(1.0, done / total) if total else self.finished / self.jobs
