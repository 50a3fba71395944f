"""Every family goes through the worker, and costs what was said before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from w2sd_video.pipelines.catalog import MODULES

from w2sd_video.render import kinds, worker
from w2sd_video.render.jobs import batches
from w2sd_video.render.worker import Step, Worker

from .. import tiny
from . import families


def test_every_pipeline_is_tried() -> None:
    assert {name.split("-")[0] for name in families.WRITABLE} == set(MODULES)


@pytest.mark.parametrize("name", families.WRITABLE)
def test_a_family(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "load_pipeline", lambda model: tiny.FAMILIES[name].make())
    settings = families.settings(name, tmp_path, batch=2)
    count = 2 if tiny.FAMILIES[name].batches else 1
    jobs = families.jobs(name, settings, count)
    work = Worker()
    seen: dict[str, Any] = {}
    for batch in batches(jobs):
        steps: list[Step] = []
        clips = work.render(batch, steps.append)
        for job, clip in zip(batch, clips, strict=True):
            assert job.cost in (clip.evaluations, None)
            assert job.cost or name == "LTX2Pipeline-all"
            assert clip.frames.dtype == np.uint8
            assert clip.frames.shape[-1] == 3
            assert len(clip.frames) == 1 or not job.is_image
            seen[job.name] = clip.frames
        assert steps[0].done == 0
        assert steps[-1].done == steps[-1].total
        assert [s.done for s in steps] == sorted({s.done for s in steps})
        assert len(steps) > 2
    for job in jobs:
        if job.kind == "reflected" and name != "AllegroPipeline":  # its VAE paints all gray
            assert (seen[job.name] != seen[f"{job.name}.plain"]).any()
    alone = kinds.why_alone(kinds.pipeline_name(jobs[0].config.model), jobs[0].config)
    assert len(batches(jobs)) == (len(jobs) if alone or count == 1 else len(jobs) // 2)
