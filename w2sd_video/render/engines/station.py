"""One worker and the files it writes: what every engine has render."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from w2sd_video.render.errors import InputError, RunError
from w2sd_video.render.files.publishing import Publisher
from w2sd_video.render.inference.worker import Worker, is_broken
from w2sd_video.render.jobs.events import Result, Started, Step, Stopped, Tell
from w2sd_video.render.jobs.job import Job
from w2sd_video.render.settings.layers import guilty

log = logging.getLogger(__name__)


class Station:
    """Renders batch by batch, and publishes what a batch made while the next is under way.

    A job that fails is told of and the rest goes on. Stopping at any moment keeps what is
    finished and gives the rest back.

    Args:
        tell: takes what happens, in the thread that renders. What it raises ends the rendering.
        worker: one that may have the model loaded already.
    """

    def __init__(self, folder: Path, tell: Tell, worker: Worker) -> None:
        self._tell, self._worker = tell, worker
        self._publisher = Publisher(folder, tell)

    def __enter__(self) -> Station:
        self._publisher.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._publisher.__exit__()

    def render(self, batch: list[Job]) -> None:
        """Render a batch; its files may still be written when this returns.

        Raises:
            InputError: if a model can't be loaded, or lacks what its configuration asks for.
            DeviceError: if the device works no more in this process.
        """
        try:
            self._render(batch, batch[0].settings.config.retries)
        except _NotTheClipError as outer:
            raise outer.error from None
        self._publisher.collect(most=len(batch))  # frames of two batches are held, no more

    def collect(self) -> None:
        """Tell of what has been written meanwhile."""
        self._publisher.collect()

    def _render(self, batch: list[Job], retries: int) -> None:
        """Render a batch; if it fails each clip alone, and that as often as configured."""
        self._tell(Started(batch))
        alone = len(batch) == 1
        try:
            with blaming(batch[0]):
                rendered = self._worker.render(batch, self._stepped)
            for job, clip in zip(batch, rendered, strict=True):
                self._publisher.add(job, clip)
            return
        except Exception as error:
            broken = is_broken(error)
            if broken or isinstance(error, InputError):
                self._tell(Stopped(batch))
            if broken:
                raise DeviceError(batch[0].name, error) from error
            if isinstance(error, InputError):
                raise
            if alone and retries == 0:
                self._publisher.fail(batch[0], error)
                return
            log.info("%d clips failed and are tried alone", len(batch), exc_info=True)
        except BaseException:
            self._tell(Stopped(batch))
            raise
        try:  # out here, nothing holds what the first try had made
            for job in batch:  # one clip may have spoilt it for the others
                try:
                    self._render([job], retries - 1 if alone else job.settings.config.retries)
                except InputError as error:  # the others are not to be rendered again
                    self._tell(Result(job, error=str(error)))
        except BaseException:
            self._tell(Stopped(batch))
            raise

    def _stepped(self, step: Step) -> None:
        try:
            self._publisher.collect()
            self._tell(step)
        except Exception as error:  # which is no failure of the clip
            raise _NotTheClipError(error) from error


class _NotTheClipError(BaseException):
    """Something went wrong in telling or recording, in the middle of a step."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


class DeviceError(RunError):
    """The device works no more in this process; in another it may."""

    def __init__(self, name: str, error: Exception) -> None:
        first = str(error).strip().splitlines()[0]
        super().__init__(f"the device broke at {name}: {first}")


@contextmanager
def blaming(job: Job) -> Iterator[None]:
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
