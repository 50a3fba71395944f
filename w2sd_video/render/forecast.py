"""What a run is going to take, from the paces of its kinds of clips."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from w2sd_video.render.jobs import Job, Settings
from w2sd_video.render.paces import Pace, Paces, Place


@dataclass(frozen=True)
class Forecast:
    """What a run takes: seconds, and bytes of its files and of memory at the peak."""

    seconds: float
    size: int
    memory: int


def kinds(jobs: Iterable[Job]) -> Counter[Settings]:
    """How many clips there are of each kind, in the order of the first."""
    return Counter(job.settings for job in jobs)


def forecast(jobs: list[Job], paces: Paces, place: Place) -> Forecast | None:
    """What these jobs are going to take; None if a kind of them was never seen there.

    ``memory`` is that of each worker.
    """
    counted = kinds(jobs)
    known: dict[Settings, Pace] = {}
    for settings in counted:
        pace = paces.get(settings, place)
        if pace is None or place.workers is None:
            return None
        known[settings] = pace
    if not known or place.workers is None:
        return None
    rendering = sum(pace.clip * counted[settings] for settings, pace in known.items())
    return Forecast(
        seconds=sum(pace.start for pace in known.values())
        + rendering / min(place.workers, len(jobs))
        + known[jobs[-1].settings].publish,  # all others are written meanwhile
        size=sum(pace.size * counted[settings] for settings, pace in known.items()),
        memory=max(pace.memory for pace in known.values()),
    )
