"""Files are written and checked on a thread of their own, while the next batch is rendered."""

from __future__ import annotations

import errno
import logging
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from w2sd_video.render.errors import RunError
from w2sd_video.render.files.clips import files, publish
from w2sd_video.render.jobs.events import Result, Stopped, Tell
from w2sd_video.render.jobs.job import Job
from w2sd_video.render.versions import versions

if TYPE_CHECKING:
    from w2sd_video.render.inference.worker import Clip

log = logging.getLogger(__name__)

# The disk is full, or the folder has become read-only, or gone.
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM}
FULL |= {errno.EIO, errno.ESTALE, errno.ENOENT, errno.ENOTDIR}


class Publisher:
    """Publishes clips in the order they come, and tells what became of each.

    One that can't be written, or does not read back, is written again as often as its
    ``retries`` say.

    On leaving it, whatever the reason, all that was handed in is in its place and told of, in
    the thread that calls.
    """

    def __init__(self, folder: Path, tell: Tell) -> None:
        self._folder, self._tell = folder, tell
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="publish")
        self._pending: deque[tuple[Job, Future[Result]]] = deque()

    def __enter__(self) -> Publisher:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.collect(most=0)
        finally:
            self._thread.shutdown(cancel_futures=True)

    def add(self, job: Job, clip: Clip) -> None:
        """Hand in a rendered clip."""
        self._pending.append((job, self._thread.submit(self._write, job, clip)))

    def fail(self, job: Job, error: Exception) -> None:
        """Tell that a job has no clip."""
        log.debug("%s failed", job.name, exc_info=error)
        text = " ".join(f"{type(error).__name__}: {error}".split())[:1000]
        self._tell(Result(job, error=text))

    def collect(self, most: int | None = None) -> None:
        """Tell what has been written; wait until no more than ``most`` are left to write.

        Raises:
            RunError: if the folder takes no more.
        """
        full: RunError | None = None
        while self._pending and (
            self._pending[0][1].done() or (most is not None and len(self._pending) > most)
        ):
            job, writing = self._pending[0]
            error = writing.exception()
            self._pending.popleft()
            if _full(error):
                self._tell(Stopped([job]))
                full = RunError(f"{self._folder}: {error.strerror}; the rest is left to render")
            elif isinstance(error, Exception):
                self.fail(job, error)
            else:
                self._tell(writing.result())
        if full:
            raise full

    def _write(self, job: Job, clip: Clip) -> Result:
        start = time.perf_counter()
        measured = asdict(clip.cost) | {"warnings": clip.warnings}
        path = self._publish(job, clip, measured, job.settings.config.retries)
        size = sum(file.stat().st_size for file in files(self._folder, job).values())
        status = path.stat()
        published = status.st_size, status.st_mtime_ns
        taken = clip.cost.seconds | {"publish": round(time.perf_counter() - start, 3)}
        cost = replace(clip.cost, seconds=taken)
        return Result(job, path, size=size, published=published, cost=cost, warnings=clip.warnings)

    def _publish(self, job: Job, clip: Clip, measured: dict[str, Any], retries: int) -> Path:
        try:
            return publish(self._folder, job, clip.frames, versions(), measured)
        except Exception as error:
            if retries == 0 or _full(error):
                raise
            log.info("%s could not be written and is written again", job.name, exc_info=True)
        return self._publish(job, clip, measured, retries - 1)


def _full(error: BaseException | None) -> TypeGuard[OSError]:
    return isinstance(error, OSError) and error.errno in FULL
