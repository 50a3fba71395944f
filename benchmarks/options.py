"""What a model's options bring: ``compile``, ``channels_last``, ``dtype: bfloat16``."""

from __future__ import annotations

import time
from typing import Any

import torch
import torch._inductor.config
from torch._dynamo.utils import counters

from w2sd_video.render.inference.worker import Worker
from w2sd_video.render.jobs.job import Job
from w2sd_video.render.jobs.plan import plan
from w2sd_video.render.settings.layers import Layer
from w2sd_video.render.settings.resolve import read_config

from .measure import Figures, alone, seconds

STEPS = 8  # half of them reflected, so that clips change over between all stages
OPTIONS: dict[str, dict[str, Any]] = {
    "channels_last": {"channels_last": True},
    "bfloat16": {"dtype": "bfloat16"},
    "bfloat16_compile": {"dtype": "bfloat16", "compile": True},
}


def options() -> Figures:
    """How many times as fast a reflected clip is, once it has been made before.

    ``first_seconds`` is the first pair's, which is compiled for, and ``graph_breaks`` are those
    that were met in compiling it. ``recompiles`` counts what was compiled after it, where stages
    change over again and again.
    """
    return alone(_options)


def _options() -> Figures:
    torch._inductor.config.force_disable_caches = True  # nothing compiled in an earlier run
    ways = {"stock": {}, **OPTIONS}
    workers = {name: Worker() for name in ways}
    jobs = {name: _jobs(model) for name, model in ways.items()}
    figures: Figures = {}
    for name in ways:
        start = time.perf_counter()
        _render(workers[name], jobs[name])
        if "compile" in name:
            figures[f"{name}_first_seconds"] = time.perf_counter() - start
    figures["graph_breaks"] = sum(counters["graph_break"].values())
    counters.clear()
    clips = [lambda name=name: _render(workers[name], jobs[name]) for name in ways]
    stock, *times = seconds(*clips, rounds=3)
    for name, taken in zip(OPTIONS, times, strict=True):
        figures[f"{name}_ratio"] = stock / taken
    figures["recompiles"] = counters["stats"].get("unique_graphs", 0)
    return figures


def _render(worker: Worker, jobs: list[Job]) -> None:
    for job in jobs:
        worker.render([job], lambda step: None)


def _jobs(model: dict[str, Any]) -> list[Job]:
    """A plain and a reflected clip."""
    settings = {
        "model": {"id": "shapes", **model},
        "num_inference_steps": STEPS,
        "reflection": {
            "weak": {"denoiser": None, "guidance_scale": 1.0},
            "steps": 0.5,
            "mode": "exact",
        },
    }
    row = Layer({"prompt": "a red circle moving left on a white background"}, "l", {(): 1})
    return plan([read_config("shapes"), Layer(settings, "more")], [row], baseline=True).jobs
