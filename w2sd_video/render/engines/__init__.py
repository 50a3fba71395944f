"""Where jobs are rendered: in this process, in several on this machine, or on a Ray cluster.

An engine takes batches and tells what happens to them (``jobs.events``); it knows neither the
ledger nor the display. All of them have the same ``Station`` render, so that what comes out is
the same.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from w2sd_video.render.errors import InputError
from w2sd_video.render.jobs.events import Tell
from w2sd_video.render.jobs.job import Job

NAMES = ("local", "ray")
STOPS = signal.SIGINT, signal.SIGTERM  # what a terminal or a scheduler ends a run with
Batches = Iterable[list[Job]]
Check = Callable[[], None]


@dataclass(frozen=True)
class Place:
    """Where clips are rendered: an engine's name, and at most how many workers it has."""

    engine: str = "local"
    workers: int | None = 1

    def __str__(self) -> str:
        if self.workers is None:
            return self.engine
        return f"{self.engine}, {self.workers} worker{'s' if self.workers > 1 else ''}"


class Engine(Protocol):
    """Renders batches and publishes what they make."""

    place: Place

    def __call__(self, batches: Batches, folder: Path, tell: Tell, check: Check) -> None:
        """Render. What is refused as bad input fails if anything else is accepted.

        Args:
            folder: of the run, held by whoever calls.
            tell: takes what happens, always in the thread that calls.
            check: called often; raises KeyboardInterrupt if the run is to end after the step
                under way.

        Raises:
            InputError: if nothing can be rendered, as no model can be loaded, or lacks what its
                configuration asks for.
            RunError: if it can't go on, for no fault of a clip.
        """
        ...


def choose(name: str, workers: int | None) -> Engine:
    """The engine of that name.

    Args:
        workers: how many processes render side by side; None is one on this machine, and as
            many as there is room for on a cluster.

    Raises:
        InputError: if there is none of that name, or it lacks its library.
    """
    if workers is not None and workers < 1:
        raise InputError(f"must be 1 or more, got {workers}", "--workers")
    if name == "ray":
        from .cluster import Cluster

        return Cluster(workers)
    if name != "local":
        raise InputError(f"must be one of {', '.join(NAMES)}, got '{name}'", "--engine")
    if workers is None or workers == 1:
        from .here import Here

        return Here()
    from .processes import Processes

    return Processes(workers)
