"""Every family goes through the worker, and costs what was said before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from w2sd_video.pipelines.catalog import MODULES

from w2sd_video.render.errors import InputError
from w2sd_video.render.inference import worker
from w2sd_video.render.inference.worker import Worker
from w2sd_video.render.jobs.batches import batches
from w2sd_video.render.jobs.events import Step
from w2sd_video.render.settings import kinds

from ... import tiny
from .. import families


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
            assert job.cost in (clip.cost.evaluations, None)
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


def test_out_of_memory_is_tried_once_more_with_less(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = tiny.FAMILIES["AnimateDiffPipeline"].make()
    forward, left = pipe.unet.forward, [torch.OutOfMemoryError("no room")]

    def failing(*args: Any, **kwargs: Any) -> Any:
        if left:
            raise left.pop()
        return forward(*args, **kwargs)

    pipe.unet.forward = failing
    monkeypatch.setattr(worker, "load_pipeline", lambda model: pipe)
    monkeypatch.setattr("w2sd_video.memory.plan.PIECES", (None, 8192, 2048))
    jobs = families.jobs(
        "AnimateDiffPipeline", families.settings("AnimateDiffPipeline", tmp_path, batch=2), 2
    )
    batch = batches(jobs)[0]
    work = Worker()
    clips = work.render(batch, lambda step: None)
    assert all("pieces of 0 MiB" in clip.cost.plan for clip in clips)
    assert all("ran out of memory, and was rendered with" in clip.warnings[-1] for clip in clips)
    again = work.render(batch, lambda step: None)  # the plan that worked stays
    assert [clip.cost.plan for clip in again] == [clip.cost.plan for clip in clips]
    assert not any(clip.warnings for clip in again)
    left.extend([torch.OutOfMemoryError("no room")] * 2)
    with pytest.raises((torch.OutOfMemoryError, MemoryError)):
        work.render(batch, lambda step: None)
    left.clear()
    work.render(batch, lambda step: None)  # there is room again


def test_a_prompt_is_encoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a reflected clip, its plain twin, every seed, and their plans."""
    pipe = tiny.FAMILIES["AnimateDiffPipeline"].make()
    monkeypatch.setattr(worker, "load_pipeline", lambda model: pipe)
    settings = families.settings("AnimateDiffPipeline", tmp_path, batch=1) | {"seed": "0-1"}
    jobs = families.jobs("AnimateDiffPipeline", settings, 1)
    work = Worker()
    work.render(jobs[:1], lambda step: None)
    forward, asked = pipe.text_encoder.forward, []

    def counted(*args: Any, **kwargs: Any) -> Any:
        asked.append(args)
        return forward(*args, **kwargs)

    pipe.text_encoder.forward = counted
    for job in jobs:
        work.render([job], lambda step: None)
    assert len(jobs) == 4
    assert not asked


def test_what_does_not_fit_is_said_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        worker, "load_pipeline", lambda model: tiny.FAMILIES["AnimateDiffPipeline"].make()
    )
    settings = families.settings("AnimateDiffPipeline", tmp_path, batch=1)
    settings |= {"height": 1024, "width": 1024}
    settings["memory"] |= {"limit": 1}
    steps: list[Step] = []
    with pytest.raises(InputError, match="and there are 1 MiB") as error:
        Worker().render(families.jobs("AnimateDiffPipeline", settings, 1)[:1], steps.append)
    assert error.value.key == "memory"
    assert not steps
