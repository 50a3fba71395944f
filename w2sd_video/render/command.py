"""What ``render`` does with its arguments: plan, then drain a run or tell what it would cost."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from w2sd_video.render import expand
from w2sd_video.render.dry_run import tell
from w2sd_video.render.errors import InputError
from w2sd_video.render.jobs import Plan, plan
from w2sd_video.render.layers import Layer, nested, scalar
from w2sd_video.render.progress import Reporter, reporter
from w2sd_video.render.prompts import read_prompts
from w2sd_video.render.resolve import read_config, resolve
from w2sd_video.render.shards import Shard

if TYPE_CHECKING:
    from w2sd_video.render.publishing import Result
    from w2sd_video.render.verify import Check
    from w2sd_video.render.worker import Step

OK, SOME_FAILED, INTERRUPTED = 0, 1, 130  # 2, bad input, is an InputError


@dataclass(frozen=True)
class Request:
    """What ``render`` is asked for.

    Attributes:
        prompts: path of the list, or ``-``.
        config: a preset's name or a YAML file.
        folder: of the run; ``renders/`` and the list's name if None.
        options: what the command line sets, see ``option_layers``.
        sweeps: ``key=v1,v2``, each.
        baseline: whether each plain clip is rendered, too.
        dry_run: whether nothing is.
        verify: how many finished clips to render again and compare.
        retry_failed: whether to take up again what failed before.
        shard: the share of the list to render; all of it if None.
        as_json: whether to tell it in JSON events.
    """

    prompts: str
    config: str
    folder: Path | None = None
    options: Sequence[Layer] = ()
    sweeps: Sequence[str] = ()
    baseline: bool = False
    dry_run: bool = False
    verify: int = 0
    retry_failed: bool = False
    shard: Shard | None = None
    as_json: bool = False


def render_list(request: Request) -> int:
    """Render a prompt list and return the exit code.

    Raises:
        InputError: for the first thing wrong with any of it.
    """
    layers = [read_config(request.config), *request.options]
    resolved = resolve(layers)
    combinations = expand.sweeps(request.sweeps)
    written = read_prompts(request.prompts)
    rows = [row for given in written for row in expand.prompts(given)]
    planned = plan(layers, rows, request.baseline, combinations)
    if request.shard:
        planned = replace(planned, jobs=request.shard.of(planned.jobs))
    if request.dry_run:
        tell(planned, request.as_json)
        return OK
    given = {
        "prompts": request.prompts,
        "config": request.config,
        "baseline": request.baseline,
        "layers": [{"from": layer.file, "settings": layer.data} for layer in layers],
        "sweep": [layer.data for layer in combinations if layer.data],
        "expanded": [row.data.get("prompt") for row in rows] if len(rows) > len(written) else [],
    }
    return _drain(planned, request, {"given": given, "resolved": resolved.model_dump(mode="json")})


def option_layers(samples: str | None, seed: str | None, assignments: list[str]) -> list[Layer]:
    """The options as layers; each is its own, so that a complaint names the right one."""
    layers = []
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        key = key.strip()
        if not (equals and key):
            raise InputError(f"must be key=value, got '{assignment}'", "--set")
        layers.append(Layer(nested({key: scalar(text, key, "--set")}, "--set"), "--set"))
    if seed is not None:
        layers.append(Layer({"seed": _number(seed)}, "--seed"))
    if samples is not None:
        layers.append(Layer({"samples": _number(samples)}, "--samples"))
    return layers


def _number(text: str) -> int | str:
    """A number as such; all else is for the configuration to judge."""
    return int(text) if text.isdecimal() and len(text) < 20 else text


def _drain(planned: Plan, request: Request, settings: dict[str, Any]) -> int:
    """Run what is unfinished; results go to the reporter, the page is written last."""
    from w2sd_video.render.folder import open_folder, write_settings
    from w2sd_video.render.gallery import write_gallery
    from w2sd_video.render.run import run
    from w2sd_video.render.standing import standing
    from w2sd_video.render.stopping import stoppable

    report = reporter(request.as_json)
    stem = "stdin" if request.prompts == "-" else Path(request.prompts).stem
    folder = request.folder or Path("renders") / stem
    if not sys.warnoptions:  # what libraries warn of is for their developers
        warnings.simplefilter("ignore")
    logging.basicConfig(handlers=[_Tell(report)], level=logging.WARNING, force=True)
    results: list[Result] = []
    checks: list[Check] = []
    interrupted = False

    def on_result(result: Result) -> None:
        results.append(result)
        report.result(result)

    with open_folder(folder, request.shard) as ledger:
        write_settings(folder, settings)
        found = standing(planned.jobs, folder, ledger, request.retry_failed)
        for note in planned.notes:
            report.say("note", note)
        report.begin(found, folder)
        try:
            with stoppable(lambda line: report.say("note", line)) as stop_if_asked:

                def on_step(step: Step) -> None:
                    report.step(step)
                    stop_if_asked()

                worker = None
                if found.jobs or request.verify:
                    from w2sd_video.render.worker import Worker

                    worker = Worker()
                run(found.jobs, folder, ledger, on_step, on_result, worker)
                if worker and request.verify:
                    from w2sd_video.render.verify import verify

                    again = worker, lambda step: stop_if_asked()
                    for check in verify(planned.jobs, request.verify, folder, ledger, *again):
                        checks.append(check)
                        report.check(check)
        except KeyboardInterrupt:
            interrupted = True
        finally:
            report.close()
            gallery = write_gallery(folder)
    failed = sum(result.error is not None for result in results)
    counts = {
        "rendered": len(results) - failed,
        "skipped": found.done,
        "failed": failed,
        "failed before": found.failed,
        "left": len(found.jobs) - len(results),
        "verified": sum(check.ok for check in checks),
        "different": sum(not check.ok for check in checks),
    }
    told = ", ".join(f"{n} {what}" for what, n in counts.items() if n or what == "rendered")
    line = f"{'interrupted: ' if interrupted else ''}{told}; gallery: {gallery}"
    if found.failed:
        report.say("note", "render again with --retry-failed what failed before")
    summary = {name.replace(" ", "_"): count for name, count in counts.items()}
    report.end(summary | {"interrupted": interrupted, "gallery": str(gallery)}, line)
    if interrupted:
        return INTERRUPTED
    return SOME_FAILED if failed or found.failed or counts["different"] else OK


class _Tell(logging.Handler):
    """Log records become lines of the reporter, so that they don't tear its display."""

    def __init__(self, report: Reporter) -> None:
        super().__init__()
        self._report = report

    def emit(self, record: logging.LogRecord) -> None:
        self._report.say(record.levelname.lower(), record.getMessage())
