"""What a run is going to take, from the paces of its kinds of clips."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

from w2sd_video.render.engines import Place
from w2sd_video.render.jobs.batches import batches
from w2sd_video.render.jobs.identity import model_key
from w2sd_video.render.jobs.job import Job
from w2sd_video.render.timing.paces import Pace, Paces


@dataclass(frozen=True)
class Forecast:
    """What a run takes.

    Attributes:
        seconds: until all is written.
        size: of its files, in bytes.
        memory: bytes at the peak of a worker.
        plan: how what takes most memory is made to fit.
    """

    seconds: float
    size: int
    memory: int
    plan: str = ""


def forecast(jobs: list[Job], paces: Paces, place: Place) -> Forecast | None:
    """What these jobs are going to take.

    None if a kind of them was never seen at this place, or it is a cluster: how many workers
    that has room for, and how fast they are, shows only then.
    """
    counted = Counter(job.settings for job in jobs)
    if place.engine != "local" or place.workers is None or not counted:
        return None
    known: list[tuple[Pace, int]] = []
    for settings, count in counted.items():
        pace = paces.get(settings, place)
        if pace is None:
            return None
        known.append((pace, count))
    models = {model_key(s.config.model): paces.loading(s, place) for s in counted}
    given = batches(jobs)
    rounds = math.ceil(len(given) / place.workers)
    # What is written while the next is rendered costs time only where it takes the longer.
    rendering = sum(max(pace.clip, pace.publish) * count for pace, count in known)
    last = paces.get(given[-1][0].settings, place)
    largest = max((pace for pace, _ in known), key=lambda pace: pace.memory)
    return Forecast(
        seconds=paces.opening(place)
        + sum(models.values())
        + rendering * rounds / len(given)
        + (last.publish * len(given[-1]) if last else 0.0),
        size=sum(pace.size * count for pace, count in known),
        memory=largest.memory,
        plan=largest.plan,
    )
