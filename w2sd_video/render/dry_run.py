"""What a plan would cost, and what is left of it in its folder."""

from __future__ import annotations

import json
import shutil
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from w2sd_video.render.engines import Place, choose
from w2sd_video.render.errors import InputError
from w2sd_video.render.jobs.job import Job
from w2sd_video.render.jobs.plan import Plan
from w2sd_video.render.record.standing import Standing, glance
from w2sd_video.render.reporting.progress import opening
from w2sd_video.render.reporting.units import duration, mebibytes
from w2sd_video.render.request import Request
from w2sd_video.render.timing.forecast import Forecast, forecast
from w2sd_video.render.timing.paces import Paces


def tell(plan: Plan, request: Request) -> None:
    """Print the jobs of a plan: a table of equal ones, or one JSON object each; then what is left
    of them, and what that is going to take on this machine, if its weights are here.

    Raises:
        InputError: if a model can't be loaded, or lacks what its configuration asks for.
    """
    place = choose(request.engine, request.workers).place
    folder = request.place
    say = _note_event if request.as_json else _note
    (_list_events if request.as_json else _list)(plan, say)
    found = _found(plan.jobs, folder, request.retry_failed, say)
    left = found.jobs if found else plan.jobs
    if found and not request.as_json:
        print(f"{folder}: {opening(found)}" + (f"; {_counted(left)}" if left else ""), flush=True)
    expected = _expected(left, place) if left else Forecast(0.0, 0, 0)
    if expected and (short := _shortage(expected, folder)):
        say(short)
    if request.as_json:
        _end(plan.jobs, left, found, expected)
    elif left:
        print(_told(expected) if expected else "how long that takes is not known here")


def _list(plan: Plan, say: Callable[[str], None]) -> None:
    for note in plan.notes:
        say(note)
    Console(highlight=False).print(_table(plan.jobs))
    counts = f"{len(plan.jobs)} clips, {_counted(plan.jobs)}"
    print(f"{counts}; no clip is kept", flush=True)


def _list_events(plan: Plan, say: Callable[[str], None]) -> None:
    for job in plan.jobs:
        _event("job", **_job(job))
    for note in plan.notes:
        say(note)


def _end(
    jobs: list[Job], left: list[Job], found: Standing | None, expected: Forecast | None
) -> None:
    (total, unknown), (of_left, _) = _evaluations(jobs), _evaluations(left)
    told: dict[str, Any] = {"jobs": len(jobs), "evaluations": total, "unknown_cost": unknown}
    told |= {"left": len(left), "evaluations_left": of_left}
    told |= {"skipped": found.done if found else 0, "failed_before": found.failed if found else 0}
    if expected:
        told |= {f"expected_{key}": value for key, value in asdict(expected).items()}
    _event("end", **told)


def _evaluations(jobs: list[Job]) -> tuple[int, int]:
    """How many jobs take together, and how many jobs that leaves out, as it can't be told."""
    costs = [job.cost for job in jobs]
    return sum(cost for cost in costs if cost is not None), costs.count(None)


def _counted(jobs: list[Job]) -> str:
    total, unknown = _evaluations(jobs)
    more = ", and those that the pipeline's defaults decide" if unknown else ""
    return f"{total} evaluations{more}"


def _found(
    jobs: list[Job], folder: Path, retry_failed: bool, say: Callable[[str], None]
) -> Standing | None:
    """How far the folder is with the list; None if it has not begun, or that can't be told."""
    if not any(folder.glob("ledger*.sqlite")):
        return None
    try:
        return glance(jobs, folder, retry_failed)
    except InputError as error:
        say(f"{error}; so what is done can't be told, and all is forecast")
    return None


def _shortage(expected: Forecast, folder: Path) -> str:
    """That the files need more room than there is; nothing if they don't."""
    there = next((place for place in (folder, *folder.absolute().parents) if place.is_dir()), None)
    free = shutil.disk_usage(there).free if there else expected.size
    if expected.size <= free:
        return ""
    return (
        f"{folder}: {mebibytes(free)} are free there, and the clips need"
        f" {mebibytes(expected.size)}; make room, or take another folder with -o"
    )


def _note(message: str) -> None:
    print(f"note: {message}", file=sys.stderr)


def _note_event(message: str) -> None:
    _event("note", message=message)


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
