"""Rendering in this process."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from w2sd_video.render.jobs.events import Event, Step, Tell

from . import Batches, Check, Place

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
        from .station import Station

        def told(event: Event) -> None:
            tell(event)
            if isinstance(event, Step):
                check()

        with Station(folder, told, self.worker) as station:
            for batch in batches:
                station.render(batch)
