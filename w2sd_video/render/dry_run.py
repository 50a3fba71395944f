"""What a plan would cost."""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from w2sd_video.render.engines import Place, choose
from w2sd_video.render.jobs.job import Job
from w2sd_video.render.jobs.plan import Plan
from w2sd_video.render.reporting.units import duration, mebibytes
from w2sd_video.render.request import Request
from w2sd_video.render.timing.forecast import Forecast, forecast
from w2sd_video.render.timing.paces import Paces


def tell(plan: Plan, request: Request) -> None:
    """Print the jobs of a plan: a table of equal ones, or one JSON object each; then what they
    are going to take on this machine, if their weights are here.

    Raises:
        InputError: if a model can't be loaded, or lacks what its configuration asks for.
    """
    place = choose(request.engine, request.workers).place
    costs = [job.cost for job in plan.jobs]
    total = sum(cost for cost in costs if cost is not None)
    if request.as_json:
        for job in plan.jobs:
            _event("job", **_job(job))
        for note in plan.notes:
            _event("note", message=note)
        expected = _expected(plan.jobs, place)
        told = {f"expected_{k}": v for k, v in asdict(expected).items()} if expected else {}
        _event("end", jobs=len(costs), evaluations=total, unknown_cost=costs.count(None), **told)
        return
    for note in plan.notes:
        print(f"note: {note}", file=sys.stderr)
    Console(highlight=False).print(_table(plan.jobs))
    more = "" if None not in costs else ", and those that the pipeline's defaults decide"
    print(f"{len(costs)} clips, {total} evaluations{more}; nothing was rendered", flush=True)
    expected = _expected(plan.jobs, place)
    print(_told(expected) if expected else "how long that takes is not known here")


def _expected(jobs: list[Job], place: Place) -> Forecast | None:
    """Of these jobs; the time is taken of what was never rendered here."""
    paces = Paces()
    if place.engine == "local":
        from w2sd_video.render.timing.calibrate import calibrate

        def say(level: str, line: str) -> None:
            print(f"{level}: {line}", file=sys.stderr)

        calibrate(jobs, paces, place, say)
    return forecast(jobs, paces, place)


def _told(expected: Forecast) -> str:
    time, size = duration(expected.seconds), mebibytes(expected.size)
    memory = f"{mebibytes(expected.memory)} of memory a worker"
    return f"about {time}, {size} of files, {memory}\nplan: {expected.plan}"


def _job(job: Job) -> dict[str, Any]:
    keys = ("id", "name", "kind", "prompt", "seed")
    return {key: getattr(job, key) for key in keys} | {"evaluations": job.cost}


def _event(event: str, **fields: Any) -> None:
    print(json.dumps({"event": event, **fields}, ensure_ascii=False))


def _table(jobs: list[Job]) -> Table:
    """Equal clips are one row."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("clips", "kind", "size", "frames", "steps", "evaluations each", "in all"):
        table.add_column(title, justify="left" if title == "kind" else "right")
    for (*columns, cost), count in Counter(map(_columns, jobs)).items():
        total = None if cost is None else cost * count
        table.add_row(str(count), *columns, _text(cost), _text(total))
    return table


def _columns(job: Job) -> tuple[Any, ...]:
    config = job.config
    kind = f"{job.kind}, {config.reflection.mode}" if config.reflection else job.kind
    size = "default"
    if config.width or config.height:
        size = f"{_text(config.width)} x {_text(config.height)}"
    frames = "image" if job.is_image else _text(config.num_frames)
    return kind, size, frames, _text(config.num_inference_steps), job.cost


def _text(value: int | None) -> str:
    return "default" if value is None else str(value)
