"""Files are written and checked on a thread of their own, while the next batch is rendered."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from w2sd_video.render.clips import publish
from w2sd_video.render.jobs import Job
from w2sd_video.render.ledger import Ledger
from w2sd_video.render.versions import versions

if TYPE_CHECKING:
    from w2sd_video.render.worker import Clip

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Result:
    """What became of a job: ``path`` of its video or image, or ``error``."""

    job: Job
    path: Path | None = None
    error: str | None = None
    evaluations: int = 0
    seconds: float = 0.0
    warnings: list[str] = field(default_factory=list)


class Publisher:
    """Publishes clips in the order they come, and records what became of each.

    On leaving it, whatever the reason, all that was handed in is in its place and recorded.
    The ledger is used by the thread that calls, never by the one that writes.
    """

    def __init__(self, folder: Path, ledger: Ledger, on_result: Callable[[Result], None]) -> None:
        self._folder, self._ledger, self._on_result = folder, ledger, on_result
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="publish")
        self._pending: deque[tuple[Job, Clip, Future[Path]]] = deque()

    def __enter__(self) -> Publisher:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.collect(most=0)
        finally:
            self._thread.shutdown(cancel_futures=True)

    def add(self, job: Job, clip: Clip) -> None:
        """Hand in a rendered clip."""
        measured = {
            "evaluations": clip.evaluations,
            "seconds": round(clip.seconds, 3),
            "peak_memory": clip.peak_memory,
            "plan": clip.plan,
            "warnings": clip.warnings,
        }
        write = partial(publish, self._folder, job, clip.frames, versions(), measured)
        self._pending.append((job, clip, self._thread.submit(write)))

    def fail(self, job: Job, error: Exception) -> None:
        """Record that a job has no clip."""
        self._on_result(self._failed(job, error))

    def collect(self, most: int | None = None) -> None:
        """Record what has been written; wait until no more than ``most`` are left to write."""
        results = []
        while self._pending and (
            self._pending[0][2].done() or (most is not None and len(self._pending) > most)
        ):
            results.append(self._record(*self._pending[0]))
            self._pending.popleft()
        for result in results:
            self._on_result(result)

    def _record(self, job: Job, clip: Clip, writing: Future[Path]) -> Result:
        error = writing.exception()
        if isinstance(error, Exception):
            return self._failed(job, error)
        path = writing.result()
        self._ledger.done(job, clip.evaluations, clip.seconds, clip.peak_memory, versions(), path)
        return Result(job, path, None, clip.evaluations, clip.seconds, clip.warnings)

    def _failed(self, job: Job, error: Exception) -> Result:
        log.debug("%s failed", job.name, exc_info=error)
        text = " ".join(f"{type(error).__name__}: {error}".split())[:1000]
        self._ledger.failed(job, text)
        return Result(job, error=text)
