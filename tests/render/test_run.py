"""Whole runs with a tiny pipeline: real model, real files, real ledger."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from w2sd_video import shapes
from w2sd_video.render.errors import InputError, RunError
from w2sd_video.render.files import clips
from w2sd_video.render.inference.worker import Worker, is_broken
from w2sd_video.render.jobs.events import Result, Step
from w2sd_video.render.jobs.job import Job
from w2sd_video.render.jobs.plan import plan
from w2sd_video.render.record.folder import open_folder
from w2sd_video.render.record.ledger import Ledger
from w2sd_video.render.record.standing import standing
from w2sd_video.render.settings.layers import Layer
from w2sd_video.render.settings.resolve import read_config

from .listed import planned
from .runs import frames, render, states


@pytest.fixture(scope="module")
def done(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, list]]:
    """A folder with six finished clips, and the steps that were reported."""
    folder = tmp_path_factory.mktemp("done")
    steps: list[Step] = []
    render(planned(tiny), folder, steps.append)
    return folder, steps


def test_every_clip_is_there_and_recorded(done, tiny: Path) -> None:
    folder, steps = done
    jobs = planned(tiny)
    assert states(folder) == {job.name: "done" for job in jobs}
    with Ledger(folder / "ledger.sqlite") as ledger:
        for job in jobs:
            row = ledger.get(job.id)
            assert row
            assert row["evaluations"] == job.cost
            assert row["attempts"] == 1
            assert row["peak_memory"] > 2**20
            assert list(row["phases"]) == ["load", "encode", "denoise", "decode", "publish"]
            assert min(row["phases"].values()) >= 0
            assert row["phases"]["denoise"] > 0
            assert row["plan"].startswith("all weights on the device")
            assert row["device"]
            # Where a side's guidance is the call's, reflection is some more of it.
            assert (row["guidance"] is not None) == (row["kind"] == "reflected")
            said = json.loads((folder / "clips" / f"{job.name}.json").read_text())
            assert said["evaluations"] == job.cost
            assert said["plan"].startswith("all weights on the device")
            assert frames(folder, job.name).shape == (4, 16, 16, 3)
    assert [step.done for step in steps] == [0, 1, 2, 3] * 4
    assert {step.total for step in steps} == {3}


def test_a_second_run_renders_what_is_missing_only(done, tiny: Path) -> None:
    folder, _ = done
    assert render(planned(tiny), folder) == []
    (folder / "clips" / "ring-s0.mp4").unlink()
    assert [result.job.name for result in render(planned(tiny), folder)] == ["ring-s0"]


def why(jobs: list[Job], folder: Path, **how: bool) -> tuple[dict[str, int], int, int]:
    with open_folder(folder) as ledger:
        found = standing(jobs, folder, ledger, **how)
    return dict(found.why), found.done, found.failed


def test_why_a_clip_is_rendered(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = planned(tiny, ["a", "b", "c"], baseline=False)
    assert why(jobs, tmp_path) == ({"new": 3}, 0, 0)
    render(jobs, tmp_path)
    assert why(jobs, tmp_path) == ({}, 3, 0)
    looked_at: list[str] = []
    whole = clips.is_whole

    def noted(folder: Path, job: Job) -> bool:
        looked_at.append(job.name)
        return whole(folder, job)

    monkeypatch.setattr(clips, "is_whole", noted)
    a, b, c = (tmp_path / "clips" / f"{job.name}.mp4" for job in jobs)
    os.utime(a)  # touched, and as it was
    b.write_bytes(b.read_bytes()[:-9])
    c.unlink()
    assert why(jobs, tmp_path) == ({"damaged": 1, "missing": 1}, 1, 0)
    assert looked_at == ["a-s0", "b-s0"]
    assert why(jobs[:1], tmp_path) == ({}, 1, 0)
    assert looked_at == ["a-s0", "b-s0"]  # its new time is known
    a.with_suffix(".json").unlink()
    assert why(jobs[:1], tmp_path) == ({"missing": 1}, 0, 0)
    assert why(planned(tiny, ["a"], False, fps=4), tmp_path) == ({"changed": 1}, 0, 0)
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        ledger.start(jobs[:1])  # and killed
        ledger.ended(Result(jobs[1], error="OSError: no"))
    assert why(jobs, tmp_path) == ({"interrupted": 1, "missing": 1}, 0, 1)
    again = {"interrupted": 1, "missing": 1, "failed before": 1}
    assert why(jobs, tmp_path, retry_failed=True) == (again, 0, 0)


def test_a_changed_setting_is_rendered_again(tiny: Path, tmp_path: Path) -> None:
    first = planned(tiny, ["a"], baseline=False)
    render(first, tmp_path)
    before = frames(tmp_path, "a-s0")
    changed = planned(tiny, ["a"], baseline=False, guidance_scale=6.0)
    assert [result.job.id for result in render(changed, tmp_path)] == [changed[0].id]
    assert (frames(tmp_path, "a-s0") != before).any()
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        assert [row["id"] for row in ledger.rows()] == [changed[0].id]


def test_a_failing_job_is_recorded_and_the_rest_goes_on(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stock = Worker.render

    def failing(self, batch, on_step):
        if any(job.prompt == "blue" for job in batch):
            raise RuntimeError("out of paint")
        return stock(self, batch, on_step)

    monkeypatch.setattr(Worker, "render", failing)
    jobs = planned(tiny, baseline=False)
    results = {result.job.name: result.error for result in render(jobs, tmp_path)}
    assert results == {
        "a-red-s0": None,
        "blue-s0": "RuntimeError: out of paint",
        "ring-s0": None,
    }
    assert states(tmp_path) == {"a-red-s0": "done", "blue-s0": "failed", "ring-s0": "done"}
    monkeypatch.setattr(Worker, "render", stock)
    assert [result.job.name for result in render(jobs, tmp_path)] == ["blue-s0"]


@pytest.mark.parametrize(("retries", "together"), [(0, 1), (2, 1), (2, 3)])
def test_a_failing_job_is_tried_as_often_as_configured(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, retries: int, together: int
) -> None:
    stock, tries = Worker.render, []

    def failing(self, batch, on_step):
        tries.append([job.prompt for job in batch])
        if any(job.prompt == "blue" for job in batch):
            raise RuntimeError("out of paint")
        return stock(self, batch, on_step)

    monkeypatch.setattr(Worker, "render", failing)
    jobs = planned(tiny, baseline=False, retries=retries, memory={"batch_size": together})
    errors = [result.error for result in render(jobs, tmp_path)]
    assert errors.count(None) == 2
    assert tries.count(["blue"]) == 1 + retries
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        row = next(row for row in ledger.rows() if row["name"] == "blue-s0")
    assert row["attempts"] == 1 + retries + (together > 1)


WRONG = {
    "f: scheduler.timestep_spacin: DDIMScheduler has no such setting,"
    " did you mean 'timestep_spacing'?": {
        "scheduler": {"name": "DDIMScheduler", "timestep_spacin": "trailing"}
    },
    "f: reflection: HeunDiscreteScheduler evaluates": {"scheduler": "HeunDiscreteScheduler"},
    "f: reflection: there is no adapter 'a'": {"reflection": {"weak": {"adapters": {"a": 1.0}}}},
    "f: reflection: the denoiser '.' can't be loaded:": {"reflection": {"weak": {"denoiser": "."}}},
    "f: model.id: '.' can't be loaded:": {"model": "."},
}


@pytest.mark.parametrize("message", WRONG)
def test_what_only_loading_can_tell_is_bad_input_too(
    message: str, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as wrong:
        render(planned(tiny, baseline=False, **WRONG[message]), tmp_path)
    assert str(wrong.value).startswith(message)
    assert set(states(tmp_path).values()) == {"queued"}


def test_nothing_is_rendered_if_no_settings_are_usable(tiny: Path, tmp_path: Path) -> None:
    """The plain clips are tried, too; no clip is to blame."""
    with pytest.raises(InputError, match=r"^f: model.id: '\.' can't be loaded:"):
        render(planned(tiny, model="."), tmp_path)
    assert set(states(tmp_path).values()) == {"queued"}


def test_unusable_settings_fail_and_the_rest_is_rendered(tiny: Path, tmp_path: Path) -> None:
    """They are the first in the list; a resumed run leaves them alone."""
    jobs = planned(tiny, reflection={"weak": {"denoiser": "."}})
    assert jobs[0].kind == "reflected"
    errors = {result.job.id: result.error for result in render(jobs, tmp_path)}
    assert len(errors) == 6
    for job in jobs:
        error = errors[job.id] or ""
        assert error.startswith("f: reflection: the denoiser '.' can't") == (job.kind != "plain")
        assert states(tmp_path)[job.name] == ("done" if job.kind == "plain" else "failed")
    with open_folder(tmp_path) as ledger:
        assert standing(jobs, tmp_path, ledger).jobs == []


@pytest.mark.parametrize("together", [1, 3])
@pytest.mark.parametrize("refused", ["a red", "blue"])
def test_a_row_that_can_not_be_used_fails_alone(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: str, together: int
) -> None:
    """Whether others come before it or not; it fails the same way each time, so not again."""
    stock, tries = Worker.render, []

    def refusing(self, batch, on_step):
        tries.append([job.prompt for job in batch])
        if any(job.prompt == refused for job in batch):
            raise InputError("unknown class", key="prompt")
        return stock(self, batch, on_step)

    monkeypatch.setattr(Worker, "render", refusing)
    memory = {"batch_size": together}
    first = planned(tiny, ["green"], baseline=False, num_frames=3) if together > 1 else []
    jobs = first + planned(tiny, baseline=False, retries=2, memory=memory)
    errors = {result.job.prompt: result.error for result in render(jobs, tmp_path)}
    line = {"a red": 1, "blue": 2}[refused]
    assert errors.pop(refused) == f"l.txt:{line}: prompt: unknown class"
    assert len(errors) == len(jobs) - 1
    assert not any(errors.values())
    assert tries.count([refused]) == (2 if (refused, together) == ("a red", 1) else 1)


def test_a_row_may_turn_out_unusable_only_when_tried_alone(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch failed for another reason; what it holds beside that row is rendered once."""
    stock, tries = Worker.render, []

    def failing(self, batch, on_step):
        tries.append([job.prompt for job in batch])
        if batch[1:]:
            raise RuntimeError("out of paint")
        if batch[0].prompt == "blue":
            raise InputError("unknown class", key="prompt")
        return stock(self, batch, on_step)

    monkeypatch.setattr(Worker, "render", failing)
    jobs = planned(tiny, baseline=False, retries=2, memory={"batch_size": 3})
    errors = {result.job.prompt: result.error for result in render(jobs, tmp_path)}
    assert errors == {"a red": None, "blue": "l.txt:2: prompt: unknown class", "ring": None}
    assert tries[1:] == [["a red"], ["blue"], ["ring"]]
    assert states(tmp_path) == {"a-red-s0": "done", "blue-s0": "failed", "ring-s0": "done"}


@pytest.mark.parametrize("together", [1, 3])
def test_a_broken_device_ends_the_run_and_blames_no_clip(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, together: int
) -> None:
    stock = Worker.render

    def breaking(self, batch, on_step):
        if any(job.prompt == "blue" for job in batch):
            raise torch.AcceleratorError("CUDA error: an illegal memory access\nFor debugging")
        return stock(self, batch, on_step)

    monkeypatch.setattr(Worker, "render", breaking)
    jobs = planned(tiny, baseline=False, retries=2, memory={"batch_size": together})
    first = jobs[0 if together > 1 else 1].name
    said = f"the device broke at {first}: CUDA error: an illegal memory access; the rest is left"
    with pytest.raises(RunError, match=said):
        render(jobs, tmp_path)
    assert states(tmp_path) == {
        "a-red-s0": "queued" if together > 1 else "done",
        "blue-s0": "queued",
        "ring-s0": "queued",
    }


@pytest.mark.parametrize(
    ("error", "broken"),
    [
        (RuntimeError("CUDA error: device-side assert triggered"), True),
        (InputError("'x' can't be loaded: CUDA error: unspecified launch failure"), True),
        (RuntimeError("CUDA error: out of memory"), False),
        (RuntimeError("out of paint"), False),
        (ValueError("a prompt about a CUDA error"), False),
    ],
)
def test_what_breaks_a_device(error: Exception, broken: bool) -> None:
    assert is_broken(error) is broken


WEIGHTS = list(Path(shapes.__file__).parent.rglob("*.safetensors"))


@pytest.mark.skipif(not WEIGHTS, reason="the embedded model is not trained yet")
def test_the_embedded_model_with_its_preset(tmp_path: Path) -> None:
    few = Layer({"num_inference_steps": 2, "reflection": {"steps": 1}}, "--set")
    row = Layer({"prompt": "a red circle moving left on a white background"}, "l.txt", {(): 1})
    jobs = plan([read_config("shapes"), few], [row], baseline=True).jobs
    assert [result.error for result in render(jobs, tmp_path)] == [None, None]
    assert [frames(tmp_path, job.name).shape for job in jobs] == [(16, 64, 64, 3)] * 2


def test_what_goes_wrong_in_telling_is_no_failure_of_the_clip(tiny: Path, tmp_path: Path) -> None:
    def broken(step: Step) -> None:
        if step.done == 2:
            raise BrokenPipeError

    jobs = planned(tiny, ["a"], baseline=False)
    with pytest.raises(BrokenPipeError):
        render(jobs, tmp_path, broken)
    assert states(tmp_path) == {"a-s0": "queued"}


def test_clips_that_wait_to_be_tried_alone_are_put_back_by_an_interruption(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(self, batch, on_step):
        raise RuntimeError if batch[1:] else KeyboardInterrupt

    monkeypatch.setattr(Worker, "render", failing)
    jobs = planned(tiny, baseline=False, memory={"batch_size": 3})
    with pytest.raises(KeyboardInterrupt):
        render(jobs, tmp_path)
    assert set(states(tmp_path).values()) == {"queued"}
