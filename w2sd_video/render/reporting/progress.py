"""What a run says while it goes: a live display, plain lines, or JSON events."""

from __future__ import annotations

import json
import math
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

from w2sd_video.render.reporting.headway import Headway
from w2sd_video.render.reporting.units import duration

if TYPE_CHECKING:
    from w2sd_video.render.jobs.events import Result, Step
    from w2sd_video.render.record.standing import Standing
    from w2sd_video.render.record.verify import Check
    from w2sd_video.render.timing.forecast import Forecast

EVERY = 10.0  # seconds between two lines about one batch, when lines are all there is


class Reporter(Protocol):
    """What a run tells, in this order: begin, step and result, check, end."""

    def begin(self, found: Standing, folder: Path, expected: Forecast | None) -> None: ...
    def step(self, step: Step) -> None: ...
    def result(self, result: Result) -> None: ...
    def check(self, check: Check) -> None: ...
    def say(self, level: str, message: str) -> None: ...
    def end(self, summary: dict[str, Any], line: str) -> None: ...
    def close(self) -> None: ...


class Lines:
    """Plain lines: results on standard output, warnings and errors on standard error."""

    def begin(self, found: Standing, folder: Path, expected: Forecast | None) -> None:
        self.headway = Headway(found.jobs)
        self._last = time.monotonic()
        self._warned: set[str] = set()
        self._out(opening(found, expected))
        if replaced := replacing(found):
            self.say("note", replaced)

    def step(self, step: Step) -> None:
        self.headway.step(step)
        if time.monotonic() - self._last >= EVERY:
            self._last = time.monotonic()
            self._out(f"  {state(self.headway, step)}")

    def result(self, result: Result) -> None:
        self.headway.result(result)
        self._last = time.monotonic()
        count = f"[{self.headway.finished}/{self.headway.jobs}]"
        for warning in result.warnings:
            message = f"{result.job.source}: {warning}"
            if message not in self._warned:  # the same prompt at another seed
                self._warned.add(message)
                self.say("warning", message)
        if result.error:
            self.say("error", f"{count} {result.job.name}: {result.error}")
        else:
            cost = f"{result.cost.evaluations} evaluations, {result.cost.rendering:.1f} s"
            name = result.path.name if result.path else result.job.name
            self._out(f"{count} {name}  {cost}")

    def check(self, check: Check) -> None:
        self._out(f"{check.job.name} rendered again: {check}")

    def say(self, level: str, message: str) -> None:
        print(f"{level}: {message}", file=sys.stderr, flush=True)

    def end(self, summary: dict[str, Any], line: str) -> None:
        self._out(line)

    def close(self) -> None:
        pass

    def _out(self, line: str) -> None:
        print(line, flush=True)


class Live(Lines):
    """A bar for the whole run and one for the batches under way; other lines scroll above."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[state]}"),
            console=self._console,
            transient=True,
        )

    def begin(self, found: Standing, folder: Path, expected: Forecast | None) -> None:
        super().begin(found, folder, expected)
        if found.jobs:
            self._run = self._bars.add_task("clips", total=1.0, state="loading the model")
            self._batch = self._bars.add_task("steps", total=None, state="")
            self._bars.start()

    def step(self, step: Step) -> None:
        self.headway.step(step)
        running = list(self.headway.under_way.values()) or [step]
        done, total = sum(s.done for s in running), sum(s.total for s in running)
        clips = sum(len(s.jobs) for s in running)
        state = f"{done}/{total}, {self.headway.seconds_per_step:.2f} s/step"
        state += f", {clips} clips at once" if clips > 1 else ""
        self._bars.update(self._batch, total=total, completed=done, state=state)
        self._overall()

    def result(self, result: Result) -> None:
        super().result(result)
        self._overall()

    def say(self, level: str, message: str) -> None:
        style = {"error": "bold red", "warning": "yellow"}.get(level, "dim")
        self._console.print(f"{level}: ", style=style, end="")
        self._console.print(message, markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        self._bars.stop()

    def end(self, summary: dict[str, Any], line: str) -> None:
        self.close()
        print(line, flush=True)

    def _overall(self) -> None:
        f = self.headway
        told = [f"{f.finished}/{f.jobs}", f"{f.evaluations} evaluations"]
        told += [f"{f.failed} failed"] if f.failed else []
        told += [f"{duration(left)} left"] if (left := f.left()) is not None else []
        self._bars.update(self._run, completed=f.share, state=", ".join(told))

    def _out(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


class Events:
    """One JSON object a line on standard output, for other programs."""

    def begin(self, found: Standing, folder: Path, expected: Forecast | None) -> None:
        self.headway = Headway(found.jobs)
        told: dict[str, Any] = {
            "skipped": found.done,
            "failed_before": found.failed,
            "why": dict(found.why),
        }
        told["expected_seconds"] = expected and expected.seconds
        self._event("begin", jobs=len(found.jobs), **told, folder=str(folder))
        if replaced := replacing(found):
            self.say("note", replaced)

    def step(self, step: Step) -> None:
        self.headway.step(step)
        self._event(
            "step",
            jobs=[job.name for job in step.jobs],
            step=step.done,
            steps=step.total,
            evaluations=step.evaluations,
            seconds_per_step=self.headway.seconds_per_step,
            finished=self.headway.finished,
            failed=self.headway.failed,
            seconds_left=self.headway.left(),
        )

    def result(self, result: Result) -> None:
        self.headway.result(result)
        job = result.job
        self._event(
            "failed" if result.error else "done",
            id=job.id,
            name=job.name,
            kind=job.kind,
            prompt=job.prompt,
            seed=job.seed,
            path=str(result.path) if result.path else None,
            evaluations=result.cost.evaluations,
            seconds=result.cost.rendering,
            warnings=result.warnings,
            error=result.error,
        )

    def check(self, check: Check) -> None:
        equal = math.isinf(check.psnr)
        job = check.job
        self._event(
            "verified",
            id=job.id,
            name=job.name,
            ok=check.ok,
            equal=equal,
            psnr=None if equal or check.error else check.psnr,
            error=check.error,
        )

    def say(self, level: str, message: str) -> None:
        self._event(level, message=message)

    def end(self, summary: dict[str, Any], line: str) -> None:
        self._event("end", **summary)

    def close(self) -> None:
        pass

    def _event(self, event: str, **fields: Any) -> None:
        print(json.dumps({"event": event, **fields}, ensure_ascii=False), flush=True)


def reporter(as_json: bool) -> Reporter:
    """The reporter that suits where the output goes."""
    if as_json:
        return Events()
    return Live() if sys.stderr.isatty() and sys.stdout.isatty() else Lines()


def opening(found: Standing, expected: Forecast | None = None) -> str:
    """The first line: how much is to do and why, and how much was found done."""
    todo = len(found.jobs)
    line = f"{todo} {'clip' if todo == 1 else 'clips'} to render"
    if set(found.why) - {"new"}:
        line += f" ({', '.join(f'{count} {why}' for why, count in found.why.items())})"
    moved = f" ({found.moved} moved to new names)" if found.moved else ""
    line += f"; {found.done} already there{moved}, skipped" if found.done else ""
    line += f"; {found.failed} failed before, left alone" if found.failed else ""
    return line + (f"; about {duration(expected.seconds)}" if expected else "")


def replacing(found: Standing) -> str:
    """What becomes of clips that are there with other settings; nothing if none are."""
    count = found.why["changed"]
    if not count:
        return ""
    told = f"{count:,} finished clips have other settings now and are replaced"
    if count == 1:
        told = "1 finished clip has other settings now and is replaced"
    return f"{told}; render into another folder with -o to keep {'it' if count == 1 else 'them'}"


def state(headway: Headway, step: Step) -> str:
    """One line about the running batch."""
    left = headway.left()
    return (
        f"step {step.done}/{step.total}, {step.evaluations} evaluations,"
        f" {headway.seconds_per_step:.2f} s/step"
        + (f", {duration(left)} left" if left is not None else "")
    )
