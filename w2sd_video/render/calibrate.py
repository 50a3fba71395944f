"""Clips rendered to take their time, and thrown away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from w2sd_video.render import models
from w2sd_video.render.engines.here import Here
from w2sd_video.render.engines.processes import cores_each
from w2sd_video.render.events import Event, Result, Started
from w2sd_video.render.jobs import Job, Settings, batches, references
from w2sd_video.render.paces import Paces, Place, Tally

SHORT = 20.0  # seconds; of what takes less, the first time is no measure


def calibrate(jobs: list[Job], paces: Paces, place: Place, say: Callable[[str, str], None]) -> None:
    """Render a batch of each kind that has no pace yet, if its weights are on this machine.

    Args:
        place: on this machine; with several workers each has its share of the cores.
        say: takes a level and a line.

    Raises:
        InputError: if a model can't be loaded, or lacks what its configuration asks for.
    """
    alike: dict[Settings, list[Job]] = {}
    for job in jobs:
        alike.setdefault(job.settings, []).append(job)
    unknown = {s: of_kind for s, of_kind in alike.items() if _missing(s, paces, place)}
    if not unknown:
        return
    kinds = "one kind of clip" if len(unknown) == 1 else f"{len(unknown)} kinds of clips"
    say("note", f"taking the time of {kinds}")
    tally, engine = Tally(place), Here()
    if place.workers and place.workers > 1:
        import torch

        torch.set_num_threads(cores_each(place.workers))
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "clips").mkdir()
        for settings, of_kind in unknown.items():
            batch = batches(of_kind)[0]
            results = _rendered(engine, batch, folder, tally)
            for result in results:
                if result.error:
                    say("warning", f"{result.job.name}: {result.error}")
            if sum(result.cost.rendering for result in results) < SHORT:
                loading = [result.cost.seconds.get("load", 0.0) for result in results]
                again = _rendered(engine, batch, folder, None)
                results = [_with(r, load) for r, load in zip(again, loading, strict=True)]
            for result in results:
                tally.add(result, settings)
    paces.put(tally.paces(), place)


def _missing(settings: Settings, paces: Paces, place: Place) -> bool:
    """Whether a pace is not known, and can be taken."""
    if paces.get(settings, place):
        return False
    return all(models.at_hand(*reference) for reference in references(settings.config))


def _rendered(engine: Here, batch: list[Job], folder: Path, tally: Tally | None) -> list[Result]:
    results: list[Result] = []

    def tell(event: Event) -> None:
        if isinstance(event, Started) and tally:
            tally.started(event.jobs[0].settings)
        elif isinstance(event, Result):
            results.append(event)

    engine([batch], folder, tell, lambda: None)
    return results


def _with(result: Result, loading: float) -> Result:
    seconds = result.cost.seconds | {"load": loading}
    return replace(result, cost=replace(result.cost, seconds=seconds))
