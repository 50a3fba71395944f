"""Every family goes through the worker, and costs what was said before."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import AsymmetricAutoencoderKL
from w2sd_video.pipelines.catalog import MODULES

from w2sd_video.memory.fit import Fit
from w2sd_video.memory.plan import DoesNotFitError, Plan
from w2sd_video.render.errors import InputError
from w2sd_video.render.inference import worker
from w2sd_video.render.inference.worker import Worker
from w2sd_video.render.jobs.batches import batches
from w2sd_video.render.jobs.events import Step
from w2sd_video.render.jobs.job import Job
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


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("no room"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
        MemoryError("Unable to allocate 1.00 EiB for an array"),
    ],
    ids=["device", "torch", "numpy"],
)
def test_out_of_memory_is_tried_once_more_with_less(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = tiny.FAMILIES["AnimateDiffPipeline"].make()
    forward, left = pipe.unet.forward, [error]

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
    left.extend([error] * 2)
    with pytest.raises((type(error), MemoryError)):
        work.render(batch, lambda step: None)
    left.clear()
    work.render(batch, lambda step: None)  # there is room again


def test_what_ran_out_of_memory_is_what_a_leaner_plan_is_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not another kind of clip that was rendered since."""
    pipe = tiny.FAMILIES["AnimateDiffPipeline"].make()
    forward, left = pipe.unet.forward, []
    prepared: list[list[str]] = []

    def failing(*args: Any, **kwargs: Any) -> Any:
        if left:
            raise left.pop()
        return forward(*args, **kwargs)

    def leaner(fit: Fit) -> Plan:
        assert fit.plan is not None
        return fit.plan

    pipe.unet.forward = failing
    monkeypatch.setattr(worker, "load_pipeline", lambda model: pipe)
    settings = families.settings("AnimateDiffPipeline", tmp_path)
    work, jobs = Worker(), families.jobs("AnimateDiffPipeline", settings)
    plain, reflected = sorted(jobs[:2], key=lambda job: job.kind)
    arguments = worker.calls.arguments

    def seen(pipe: Any, batch: list[Job]) -> dict[str, Any]:
        prepared.append([job.name for job in batch])
        return arguments(pipe, batch)

    for job in (reflected, plain):
        work.render([job], lambda step: None)
    monkeypatch.setattr(worker.calls, "arguments", seen)
    monkeypatch.setattr(Fit, "leaner", leaner)
    left.append(torch.OutOfMemoryError("no room"))
    work.render([reflected], lambda step: None)
    assert prepared == [[reflected.name]] * 3  # tried, planned for, tried again


def test_a_vae_decodes_as_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In tiles or slices for one clip, and not for the next."""
    pipe = tiny.FAMILIES["StableDiffusionPipeline"].make()
    monkeypatch.setattr(worker, "load_pipeline", lambda model: pipe)
    work = Worker()
    for tiling, slicing in ((True, False), (False, True), (False, False)):
        settings = families.settings("StableDiffusionPipeline", tmp_path)
        settings["memory"] |= {"vae_tiling": tiling, "vae_slicing": slicing}
        job = families.jobs("StableDiffusionPipeline", settings, baseline=False)[0]
        work._configure(work._load(job.config.model), job.config)
        assert (pipe.vae.use_tiling, pipe.vae.use_slicing) == (tiling, slicing)


@pytest.mark.parametrize("what", ["tiling", "slicing"])
def test_a_vae_that_cannot_is_named(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = tiny.FAMILIES["StableDiffusionPipeline"].make()
    pipe.vae = AsymmetricAutoencoderKL()  # has the methods, which raise NotImplementedError
    monkeypatch.setattr(worker, "load_pipeline", lambda model: pipe)
    work = Worker()
    for wanted in (False, True):
        settings = families.settings("StableDiffusionPipeline", tmp_path)
        settings["memory"] |= {f"vae_{what}": wanted}
        config = families.jobs("StableDiffusionPipeline", settings, baseline=False)[0].config
        work._load(config.model)
        if not wanted:
            work._configure(pipe, config)
            continue
        with pytest.raises(InputError, match=f"AsymmetricAutoencoderKL has no {what}") as error:
            work._configure(pipe, config)
        assert error.value.key == f"memory.vae_{what}"


def test_a_plan_with_pieces_is_told_of_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pipe = tiny.FAMILIES["StableDiffusionPipeline"].make()
    monkeypatch.setattr(worker, "load_pipeline", lambda model: pipe)
    work = Worker()
    told = []
    for attention in ("off", 16, 8):
        settings = families.settings("StableDiffusionPipeline", tmp_path)
        settings["memory"] |= {"attention": attention}
        for job in families.jobs("StableDiffusionPipeline", settings):  # a clip and its twin
            work._configure(work._load(job.config.model), job.config)
            work._make_fit(pipe, None, [job])
        told.append([r.message for r in caplog.records if r.levelname == "WARNING"])
        caplog.clear()
    assert [len(messages) for messages in told] == [0, 1, 1]
    assert "attention in pieces of 16 MiB" in told[1][0]


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


def test_a_batch_that_fits_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        worker, "load_pipeline", lambda model: tiny.FAMILIES["AnimateDiffPipeline"].make()
    )

    def refused(limit: int) -> str:
        settings = families.settings("AnimateDiffPipeline", tmp_path, batch=2)
        settings |= {"height": 128, "width": 128}
        settings["memory"] |= {"limit": limit, "attention": "off"}
        jobs = families.jobs("AnimateDiffPipeline", settings, 2, baseline=False)
        with pytest.raises(InputError) as error:
            Worker().render(jobs, lambda step: None)
        return error.value.message

    told = refused(1)
    assert told.endswith("fewer frames and smaller batches")  # not even one clip fits
    needed = re.match(r"needs (\d+) MiB", told)
    assert needed
    assert refused(int(needed[1]) * 3 // 4).endswith("; memory.batch_size: 1 fits")


@pytest.mark.parametrize(("most", "fits"), [(5, 4), (4, 4), (3, 2), (1, 1), (0, 0)])
def test_a_batch_that_fits_is_looked_for_by_halving(most: int, fits: int) -> None:
    def planned(batch: list[Any]) -> Any:
        if len(batch) > most:
            raise DoesNotFitError

    assert worker._fewer([None] * 8, planned) == fits
