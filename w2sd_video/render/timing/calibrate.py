"""Clips rendered to take their time, and thrown away."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from w2sd_video.render.engines import Engine, Place, choose
from w2sd_video.render.jobs.batches import batches
from w2sd_video.render.jobs.events import Event, Result, Started
from w2sd_video.render.jobs.identity import references
from w2sd_video.render.jobs.job import Job
from w2sd_video.render.settings import models
from w2sd_video.render.timing.paces import Paces, Tally, kind

SHORT = 20.0  # seconds; of what takes less, the first time is no measure


def calibrate(jobs: list[Job], paces: Paces, place: Place, say: Callable[[str, str], None]) -> None:
    """Have each worker render a batch of each kind that has no pace yet.

    Kinds whose weights are not on this machine are left out.

    Args:
        place: on this machine.
        say: takes a level and a line.

    Raises:
        InputError: if a model can't be loaded, or lacks what its configuration asks for.
    """
    kinds: dict[str, list[Job]] = {}
    for job in jobs:
        kinds.setdefault(kind(job.settings), []).append(job)
    unknown = [alike for alike in kinds.values() if _missing(alike[0], paces, place)]
    if not unknown:
        return
    say("note", f"rendering {len(unknown)} kinds of clips to take their time")
    engine, tally = choose(place.engine, place.workers), Tally(place)
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "clips").mkdir()
        for alike in unknown:
            given = batches(alike)
            given = list(itertools.islice(itertools.cycle(given), place.workers or 1))
            results = _rendered(engine, given, folder, tally)
            for result in results:
                if result.error:
                    say("warning", f"{result.job.name}: {result.error}")
            if sum(result.cost.rendering for result in results) < SHORT * len(given):
                loading = [result.cost.seconds.get("load", 0.0) for result in results]
                again = _rendered(engine, given, folder, tally)
                results = [_with(r, load) for r, load in zip(again, loading, strict=False)]
            for result in results:
                tally.add(result, result.job.settings)
    paces.put(tally, place)


def _missing(job: Job, paces: Paces, place: Place) -> bool:
    """Whether a pace is not known, and can be taken."""
    if paces.get(job.settings, place):
        return False
    return all(models.at_hand(*reference) for reference in references(job.settings.config))


def _rendered(engine: Engine, given: list[list[Job]], folder: Path, tally: Tally) -> list[Result]:
    results: list[Result] = []

    def tell(event: Event) -> None:
        if isinstance(event, Started):
            tally.started()
        elif isinstance(event, Result):
            results.append(event)

    engine(given, folder, tell, lambda: None)
    return results


def _with(result: Result, loading: float) -> Result:
    seconds = result.cost.seconds | {"load": loading}
    return replace(result, cost=replace(result.cost, seconds=seconds))
