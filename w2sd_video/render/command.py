"""What ``render`` does with its arguments: plan, then drain a run or tell what it would cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from w2sd_video.render.dry_run import tell
from w2sd_video.render.errors import OK, InputError
from w2sd_video.render.jobs import expand
from w2sd_video.render.jobs.job import Job
from w2sd_video.render.jobs.plan import plan
from w2sd_video.render.jobs.prompts import read_prompts
from w2sd_video.render.quiet import quiet
from w2sd_video.render.request import Request
from w2sd_video.render.settings.layers import Layer, blame, nested, scalar
from w2sd_video.render.settings.resolve import read_config, resolve
from w2sd_video.render.settings.revisions import pinned


def render_list(request: Request) -> int:
    """Render a prompt list and return the exit code.

    Raises:
        InputError: for the first thing wrong with any of it.
    """
    quiet()
    layers = [read_config(request.config), *request.options]
    resolved = resolve(layers)
    combinations = expand.sweeps(request.sweeps)
    if request.rows is None:
        written: Sequence[Layer] = read_prompts(request.prompts)
        rows = [row for given in written for row in expand.prompts(given)]
    else:
        rows = [*(written := request.rows)]
    planned = plan(layers, rows, request.baseline, combinations)
    if request.shorter_than is not None:
        _check_lengths(planned.jobs, request.shorter_than)
    if request.shard:
        planned = replace(planned, jobs=request.shard.of(planned.jobs))
    if request.dry_run:
        tell(planned, request)
        return OK
    given = {
        "prompts": request.prompts,
        "suite": request.suite,
        "config": request.config,
        "baseline": request.baseline,
        "layers": [{"from": layer.file, "settings": layer.data} for layer in layers],
        "sweep": [layer.data for layer in combinations if layer.data],
        "expanded": [row.data.get("prompt") for row in rows] if len(rows) > len(written) else [],
    }
    from w2sd_video.render.drain import drain

    settings = {"given": given, "resolved": pinned(resolved).model_dump(mode="json")}
    return drain(planned, request, settings)


def _check_lengths(jobs: Sequence[Job], limit: float) -> None:
    """See that clips are short enough, as far as their settings say.

    Raises:
        InputError: for the first that is not.
    """
    for job in jobs:
        config = job.config
        if config.num_frames and config.num_frames >= limit * config.frame_rate:
            raise blame(
                job.layers,
                f"{config.num_frames} frames at {config.frame_rate:g} fps last"
                f" {config.num_frames / config.frame_rate:g} s; this suite is for clips shorter"
                f" than {limit:g} s",
                ("num_frames",),
            )


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
