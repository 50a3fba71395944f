"""A run from its folder's lock to its last line."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from w2sd_video.render.engines import Engine, choose
from w2sd_video.render.engines.here import Here
from w2sd_video.render.errors import INTERRUPTED, OK, SOME_FAILED, InputError, RunError
from w2sd_video.render.jobs.events import Result
from w2sd_video.render.jobs.job import Job
from w2sd_video.render.jobs.plan import Plan
from w2sd_video.render.record.folder import open_folder, write_settings
from w2sd_video.render.record.ledger import Ledger
from w2sd_video.render.record.standing import standing
from w2sd_video.render.reporting.gallery import write_gallery
from w2sd_video.render.reporting.progress import Reporter, reporter
from w2sd_video.render.request import Request
from w2sd_video.render.run import check_calls, run
from w2sd_video.render.stopping import stoppable
from w2sd_video.render.timing.forecast import Forecast, forecast
from w2sd_video.render.timing.paces import Paces, Tally


@dataclass
class Outcome:
    """What became of the clips of a list."""

    rendered: int = 0
    skipped: int = 0
    failed: int = 0
    failed_before: int = 0
    left: int = 0
    verified: int = 0
    different: int = 0
    interrupted: bool = False
    broken_off: bool = False  # for no fault of a clip, see RunError

    @property
    def code(self) -> int:
        """The exit code."""
        if self.interrupted:
            return INTERRUPTED
        wrong = self.failed or self.failed_before or self.different or self.broken_off
        return SOME_FAILED if wrong else OK

    def __str__(self) -> str:
        counts = asdict(self)
        ended = [counts.pop(how) for how in ("interrupted", "broken_off")]
        begin = "interrupted: " if any(ended) else ""
        told = (f"{n} {what}" for what, n in counts.items() if n or what == "rendered")
        return begin + ", ".join(told).replace("_", " ")


def drain(planned: Plan, request: Request, settings: dict[str, Any]) -> int:
    """Render what is unfinished of a list, and return the exit code.

    Args:
        settings: go into ``run.yaml``.
    """
    engine = choose(request.engine, request.workers)
    report = reporter(request.as_json)
    logging.basicConfig(handlers=[_Tell(report)], level=logging.WARNING, force=True)
    folder = request.place
    with open_folder(folder, request.shard) as ledger:
        found = standing(planned.jobs, folder, ledger, request.retry_failed)
        check_calls(found.jobs)
        write_settings(folder, settings)  # which are no typing errors
        paces = Paces()
        expected = forecast(found.jobs, paces, engine.place)
        for note in planned.notes:
            report.say("note", note)
        report.begin(found, folder, expected)
        outcome = Outcome(skipped=found.done, failed_before=found.failed, left=len(found.jobs))
        drain = _Drain(engine, folder, ledger, report, outcome)
        try:
            with stoppable(lambda line: report.say("note", line)) as check:
                drain.render(found.jobs, expected, paces, check)
                drain.verify(planned.jobs, request.verify, check)
        except KeyboardInterrupt:
            outcome.interrupted = True
        except RunError as error:
            outcome.broken_off = True
            report.say("error", str(error))
        finally:
            report.close()
            gallery = _page(folder, ledger)
    if found.failed:
        report.say("note", "render again with --retry-failed what failed before")
    report.end(asdict(outcome) | {"gallery": str(gallery)}, f"{outcome}; gallery: {gallery}")
    return outcome.code


def _page(folder: Path, ledger: Ledger) -> Path:
    """The gallery, written anew if anything has changed, which takes seconds for many clips.

    Where it can't be written, the one before stays.
    """
    page = folder / "gallery.html"
    with suppress(OSError):
        if not ledger.changed and page.stat().st_mtime_ns > ledger.newest():
            return page
    with suppress(RunError, InputError):
        return write_gallery(folder)
    return page


class _Drain:
    """Renders and verifies, and keeps count."""

    def __init__(
        self, engine: Engine, folder: Path, ledger: Ledger, report: Reporter, outcome: Outcome
    ) -> None:
        self._engine, self._folder, self._ledger = engine, folder, ledger
        self._report, self._outcome = report, outcome

    def render(
        self, jobs: list[Job], expected: Forecast | None, paces: Paces, check: Callable[[], None]
    ) -> None:
        """Render jobs; what that took is recorded beside what was expected."""
        if not jobs:
            return
        place, outcome = self._engine.place, self._outcome
        number = self._ledger.begin(str(place), len(jobs), expected)
        begun, tally = time.perf_counter(), Tally(place)
        evaluations = size = memory = 0

        def on_result(result: Result) -> None:
            nonlocal evaluations, size, memory
            outcome.left -= 1
            outcome.rendered += result.error is None
            outcome.failed += result.error is not None
            evaluations += result.cost.evaluations
            size += result.size
            memory = max(memory, result.cost.peak_memory)
            self._report.result(result)

        watched = self._report.step, on_result, self._engine, check, tally
        try:
            run(jobs, self._folder, self._ledger, *watched)
        finally:
            taken = Forecast(round(time.perf_counter() - begun, 1), size, memory)
            with suppress(RunError):
                self._ledger.finish(number, outcome.rendered, outcome.failed, evaluations, taken)
            paces.put(tally, place)

    def verify(self, jobs: list[Job], count: int, check: Callable[[], None]) -> None:
        """Render some of the finished again, in this process, and compare."""
        if not count:
            return
        from w2sd_video.render.record.verify import verify

        worker = (self._engine if isinstance(self._engine, Here) else Here()).worker
        again = worker, lambda step: check()
        for seen in verify(jobs, count, self._folder, *again):
            self._outcome.verified += seen.ok
            self._outcome.different += not seen.ok
            self._report.check(seen)


class _Tell(logging.Handler):
    """Log records become lines of the reporter, so that they don't tear its display."""

    def __init__(self, report: Reporter) -> None:
        super().__init__()
        self._report = report

    def emit(self, record: logging.LogRecord) -> None:
        self._report.say(record.levelname.lower(), record.getMessage())
