"""Batches that wait for their turn, and what becomes of those that are refused."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable

from w2sd_video.render.errors import InputError
from w2sd_video.render.jobs.events import Result, Tell
from w2sd_video.render.jobs.identity import batch_key
from w2sd_video.render.jobs.job import Job
from w2sd_video.render.settings.config import OWN

log = logging.getLogger(__name__)


class Waiting:
    """The batches of a run that wait.

    One that is refused, as its weights can't be loaded or it does not fit the memory, fails, and
    the rest goes on. Until anything is accepted it is set aside instead, with all others of its
    settings: if everything is, the input is wrong and no clip is to blame. Else they have their
    turn again when something was accepted.

    Args:
        tell: takes the failures.
    """

    def __init__(self, batches: Iterable[list[Job]], tell: Tell) -> None:
        self._batches, self._tell = deque(batches), tell
        self._aside: list[list[Job]] = []
        self._why: InputError | None = None  # of the first that was refused
        self._accepted = False
        self._told = ""  # the refusal that was spoken of last

    def __bool__(self) -> bool:
        return bool(self._batches)

    @property
    def first(self) -> list[Job]:
        return self._batches[0]

    def take(self) -> list[Job]:
        """The first, which waits no more."""
        return self._batches.popleft()

    def put_back(self, batches: Iterable[list[Job]]) -> None:
        """Have batches be the first again, in their order."""
        self._batches.extendleft(reversed([*batches]))

    def withdraw(self, batch: list[Job]) -> bool:
        """Have a batch wait no more; whether it did."""
        waited = batch in self._batches
        if waited:
            self._batches.remove(batch)
        return waited

    def accepted(self) -> None:
        """Something was rendered, or failed for another reason."""
        self._accepted = True
        self._batches.extend(self._aside)
        self._aside.clear()

    def refused(self, batch: list[Job], error: InputError) -> None:
        """A batch can't be rendered, and tried once more it could not, either."""
        if error.key in OWN and len(batch) > 1:  # a row's own, and which row's is not known
            self.put_back([job] for job in batch)
        elif not self._accepted:
            self._set_aside(batch, error)
        elif len(batch) > 1:  # one clip may have spoilt it for the others
            if str(error) != self._told:
                log.warning("%s; its clips are tried alone", error)
            self._told = str(error)
            self.put_back([job] for job in batch)
        else:
            self._tell(Result(batch[0], error=str(error)))

    def _set_aside(self, batch: list[Job], error: InputError) -> None:
        self._why = self._why or error
        self._aside.append(batch)
        if error.key in OWN:  # a row's own
            return
        alike = _alike(batch[0])
        self._aside += [other for other in self._batches if alike(other[0])]
        self._batches = deque(other for other in self._batches if not alike(other[0]))

    def end(self) -> None:
        """See that something was accepted.

        Raises:
            InputError: if there was no batch that was not refused.
        """
        if self._why and not self._accepted:
            raise self._why

    def clear(self) -> None:
        """Have nothing wait."""
        self._batches.clear()


def _alike(job: Job) -> Callable[[Job], bool]:
    """Whether another job has the same settings, but for what rows say of their own clips."""
    key = batch_key(job.settings.config)
    known: dict[int, bool] = {}  # by settings, which many jobs share

    def alike(other: Job) -> bool:
        settings = other.settings
        if id(settings) not in known:
            known[id(settings)] = batch_key(settings.config) == key
        return known[id(settings)]

    return alike
