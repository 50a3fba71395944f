"""Rendering in this process."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from w2sd_video.render.errors import InputError, RunError
from w2sd_video.render.jobs.events import Event, Step, Tell

from . import Batches, Check, Place
from .waiting import Waiting

if TYPE_CHECKING:
    from w2sd_video.render.inference.worker import Worker


class Here:
    """One worker, in the thread that calls."""

    place = Place()

    @cached_property
    def worker(self) -> Worker:
        """It keeps its model from one call to the next."""
        from w2sd_video.render.inference.worker import Worker  # imports torch

        return Worker()

    def __call__(self, batches: Batches, folder: Path, tell: Tell, check: Check) -> None:
        from .station import DeviceError, Station

        def told(event: Event) -> None:
            tell(event)
            if isinstance(event, Step):
                check()

        waiting = Waiting(batches, tell)
        with Station(folder, told, self.worker) as station:
            while waiting:
                batch = waiting.take()
                try:
                    station.render(batch)
                    waiting.accepted()
                except InputError as error:
                    waiting.refused(batch, error)
                except DeviceError as error:
                    raise RunError(f"{error}; the rest is left to render") from None
        waiting.end()
