"""Compiled denoisers: the same clips, compiled once for all stages."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch._dynamo.utils import counters

from w2sd_video.render.inference import compiling
from w2sd_video.render.inference.worker import Worker
from w2sd_video.render.jobs.job import Job
from w2sd_video.render.jobs.plan import plan
from w2sd_video.render.settings.layers import Layer


@pytest.fixture(autouse=True)
def traced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything but the making of kernels, which takes a C++ compiler and minutes."""
    torch._dynamo.reset()
    counters.clear()
    monkeypatch.setattr(compiling.torch, "compile", partial(torch.compile, backend="eager"))


def jobs(tiny: Path, compiled: bool = True, **memory: Any) -> list[Job]:
    """A pair that differs in weights and guidance, with its plain twin."""
    settings: dict[str, Any] = {
        "model": {"id": str(tiny), "compile": compiled},
        "height": 16,
        "width": 16,
        "num_frames": 4,
        "num_inference_steps": 4,
        "guidance_scale": 3.0,
        "reflection": {"weak": {"denoiser": {"id": str(tiny)}, "guidance_scale": 1.0}},
        "memory": memory,
    }
    return plan([Layer(settings, "s")], [Layer({"prompt": "a"}, "l")], baseline=True).jobs


def render(work: Worker, jobs: list[Job]) -> list[Any]:
    return [work.render([job], lambda step: None)[0] for job in jobs]


def compiled() -> tuple[int, int]:
    """Graphs so far, and how often one was broken off."""
    return counters["stats"]["unique_graphs"], sum(counters["graph_break"].values())


@pytest.mark.slow
def test_stages_change_over_without_compiling_again(tiny: Path) -> None:
    work, listed = Worker(), jobs(tiny)
    first = render(work, listed)
    graphs, breaks = compiled()
    assert graphs > 0
    assert breaks == 0
    again = render(work, listed)
    assert compiled() == (graphs, 0)
    stock = render(Worker(), jobs(tiny, compiled=False))
    for clips in zip(first, again, stock, strict=True):
        for clip in clips[1:]:
            assert np.abs(clip.frames.astype(int) - clips[0].frames.astype(int)).max() <= 1
            assert clip.cost.evaluations == clips[0].cost.evaluations
    assert compiled() == (graphs, 0)  # the stock ones were none


def test_what_is_evaluated_in_pieces_is_not_compiled(
    tiny: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        render(Worker(), jobs(tiny, attention=1)[:1])
    assert "not compiled" in caplog.text
    assert compiled() == (0, 0)
