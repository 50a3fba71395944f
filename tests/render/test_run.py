"""Whole runs with a tiny pipeline: real model, real files, real ledger."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml

from w2sd_video import cli, shapes
from w2sd_video.render.errors import InputError
from w2sd_video.render.files import clips
from w2sd_video.render.inference.worker import Worker
from w2sd_video.render.jobs.events import Result, Step
from w2sd_video.render.jobs.job import Job
from w2sd_video.render.jobs.plan import plan
from w2sd_video.render.media.video import read_mp4
from w2sd_video.render.record.folder import open_folder
from w2sd_video.render.record.ledger import Ledger
from w2sd_video.render.record.standing import standing
from w2sd_video.render.run import run
from w2sd_video.render.settings.layers import Layer
from w2sd_video.render.settings.resolve import read_config

from .listed import PROMPTS, planned


def render(jobs: list[Job], folder: Path, on_step=lambda step: None) -> list[Result]:
    results: list[Result] = []
    with open_folder(folder) as ledger:
        run(standing(jobs, folder, ledger, True).jobs, folder, ledger, on_step, results.append)
    return results


def states(folder: Path) -> dict[str, str]:
    with Ledger(folder / "ledger.sqlite") as ledger:
        return {row["name"]: row["state"] for row in ledger.rows()}


def frames(folder: Path, name: str) -> np.ndarray:
    return read_mp4(folder / "clips" / f"{name}.mp4").frames.astype(int)


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


def test_twins_start_from_the_same_noise(tiny: Path) -> None:
    """With no step reflected, the reflected clip is the plain one."""
    still = planned(tiny, ["a"], reflection={"weak": {"guidance_scale": 1.0}, "steps": 0})
    worker = Worker()
    one, two = (worker.render([job], lambda step: None)[0].frames for job in still)
    assert (one == two).all()


def test_a_clip_does_not_depend_on_its_batch(tiny: Path) -> None:
    worker = Worker()
    jobs = planned(tiny, baseline=False)
    together = worker.render(jobs, lambda step: None)
    for job, clip in zip(jobs, together, strict=True):
        alone = worker.render([job], lambda step: None)[0]
        assert np.abs(alone.frames.astype(int) - clip.frames).max() <= 1
        assert alone.cost.evaluations == clip.cost.evaluations == job.cost


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
        render(planned(tiny, **WRONG[message]), tmp_path)
    assert str(wrong.value).startswith(message)
    assert set(states(tmp_path).values()) == {"queued"}


def test_the_scheduler_of_one_job_is_not_that_of_the_next(tiny: Path) -> None:
    worker = Worker()
    plain = planned(tiny, ["a"], baseline=False)
    other = planned(tiny, ["a"], baseline=False, scheduler={"timestep_spacing": "trailing"})
    first, changed, again = (
        worker.render(jobs, lambda step: None)[0].frames for jobs in (plain, other, plain)
    )
    assert (first == again).all()
    assert (first != changed).any()


def test_another_denoiser_is_loaded_from_a_folder(tiny: Path) -> None:
    weak = {"weak": {"denoiser": {"id": str(tiny)}}, "steps": 2}
    clip = Worker().render(planned(tiny, ["a"], False, reflection=weak), lambda step: None)[0]
    assert clip.cost.evaluations == 2 * 6 + 2


def test_a_long_prompt_is_cut_and_it_says_what(tiny: Path) -> None:
    words = "a red circle " * 10  # 30 words, and the two tokens around them
    jobs = planned(tiny, [words + "moving left", words], baseline=False)
    long, short = Worker().render(jobs, lambda step: None)
    assert long.warnings == ["the prompt is longer than the model's 32 tokens; cut: 'moving left'"]
    assert short.warnings == []


WEIGHTS = list(Path(shapes.__file__).parent.rglob("*.safetensors"))


@pytest.mark.skipif(not WEIGHTS, reason="the embedded model is not trained yet")
def test_the_embedded_model_with_its_preset(tmp_path: Path) -> None:
    few = Layer({"num_inference_steps": 2, "reflection": {"steps": 1}}, "--set")
    row = Layer({"prompt": "a red circle moving left on a white background"}, "l.txt", {(): 1})
    jobs = plan([read_config("shapes"), few], [row], baseline=True).jobs
    assert [result.error for result in render(jobs, tmp_path)] == [None, None]
    assert [frames(tmp_path, job.name).shape for job in jobs] == [(16, 64, 64, 3)] * 2


@pytest.fixture
def command(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """``render`` as a program, in a folder with a list and a config for the tiny model."""
    monkeypatch.chdir(tmp_path)
    job = planned(tiny, ["a"])[0]
    settings = job.config.model_dump(mode="json", exclude={"prompt", "seed", "name"})
    Path("c.yaml").write_text(yaml.safe_dump(settings))
    Path("l.txt").write_text("\n".join(PROMPTS))

    def call(*argv: str) -> int:
        monkeypatch.setattr(sys, "argv", ["render", "l.txt", "-c", "c.yaml", *argv])
        with pytest.raises(SystemExit) as stop:
            cli.render_main()
        return int(stop.value.code or 0)

    return call


def test_from_the_command_line(command, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("--seed", "0-1", "--set", "output.formats=[gif,webp,png]") == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "6 clips to render"
    assert out[-1] == "6 rendered; gallery: renders/l/gallery.html"
    kept = yaml.safe_load(Path("renders/l/run.yaml").read_text())
    assert kept["given"]["layers"][-1] == {"from": "--seed", "settings": {"seed": "0-1"}}
    assert kept["resolved"]["output"]["formats"] == ["gif", "webp", "png"]
    assert len(list(Path("renders/l/clips").iterdir())) == 6 * 5
    assert command("--seed", "0-2", "--set", "output.formats=[gif,webp,png]", "--json") == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert events[0] == {
        "event": "begin",
        "jobs": 3,
        "skipped": 6,
        "failed_before": 0,
        "why": {"new": 3},
        "expected_seconds": events[0]["expected_seconds"],
        "folder": "renders/l",
    }
    assert [e["event"] for e in events].count("done") == 3
    assert events[-1]["event"] == "end"
    assert events[-1]["skipped"] == 6


def test_finished_clips_are_verified(command, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("-o", "out", "--verify", "9", "--set", "memory.batch_size=1") == 0
    out = capsys.readouterr().out.splitlines()
    assert out[-1] == "3 rendered, 3 verified; gallery: out/gallery.html"
    assert sorted(out[-4:-1]) == [
        f"{name}-s0 rendered again: the same pixels" for name in ("a-red", "blue", "ring")
    ]
    blue, ring = (Path(f"out/clips/{name}-s0.mp4") for name in ("blue", "ring"))
    with open_folder(Path("out")) as ledger:  # another clip in its place, and recorded as its own
        blue.write_bytes(ring.read_bytes())
        entry = next(row for row in ledger.rows() if row["name"] == "blue-s0")
        status = blue.stat()
        ledger._db.execute(
            "UPDATE jobs SET size = ?, modified = ? WHERE id = ?",
            (status.st_size, status.st_mtime_ns, entry["id"]),
        )
    assert command("-o", "out", "--verify", "3", "--set", "memory.batch_size=1", "--json") == 1
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    told = {e["name"]: (e["ok"], e["equal"]) for e in events if e["event"] == "verified"}
    assert told == {
        "a-red-s0": (True, True),
        "blue-s0": (False, False),
        "ring-s0": (True, True),
    }
    assert (events[-1]["verified"], events[-1]["different"]) == (2, 1)


def test_what_was_expanded_is_kept(command) -> None:
    Path("l.txt").write_text("a {red|blue}\n")
    assert command("--sweep", "fps=4,8", "-o", "out") == 0
    given = yaml.safe_load(Path("out/run.yaml").read_text())["given"]
    assert given["sweep"] == [{"fps": 4}, {"fps": 8}]
    assert given["expanded"] == ["a red", "a blue"]
    assert len(states(Path("out"))) == 4


def test_exit_code_if_some_failed(
    command, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Worker, "render", lambda *_: 1 / 0)
    assert command("-o", "out") == 1
    said = capsys.readouterr()
    assert said.out.splitlines()[-1] == "0 rendered, 3 failed; gallery: out/gallery.html"
    assert said.err.splitlines()[0] == "error: [1/3] a-red-s0: ZeroDivisionError: division by zero"
    assert "division by zero" in Path("out/gallery.html").read_text()


def test_what_failed_is_left_alone_until_asked_for(
    command, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stock = Worker.render

    def failing(self, batch, on_step):
        if any(job.prompt == "blue" for job in batch):
            raise RuntimeError("out of [red] paint")
        return stock(self, batch, on_step)

    monkeypatch.setattr(Worker, "render", failing)
    assert command("-o", "out") == 1
    capsys.readouterr()
    assert command("-o", "out") == 1
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        "0 clips to render; 2 already there, skipped; 1 failed before, left alone",
        "0 rendered, 2 skipped, 1 failed before; gallery: out/gallery.html",
    ]
    assert err == "note: render again with --retry-failed what failed before\n"
    monkeypatch.setattr(sys, "argv", ["w2sd-video", "status", "out"])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert not stop.value.code
    out = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in out[1:3]] == [["done", "2"], ["failed", "1"]]
    assert out[-1] == "blue-s0: RuntimeError: out of [red] paint"
    table = [line.split()[2:7] for line in out[-2:-1]]
    assert table == [["local,", "1", "worker", "2", "of"]]
    monkeypatch.setattr(Worker, "render", stock)
    assert command("-o", "out", "--retry-failed") == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("1 clip to render (1 failed before); 2 already there, skipped; about")


def test_ctrl_c_ends_after_the_step(
    command, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stock, shown = Worker.render, []

    def pressed(self, batch, on_step):
        def step(at: Step) -> None:
            shown.append(at.done)
            if len(shown) == 6:  # in the second batch
                os.kill(os.getpid(), signal.SIGINT)
            on_step(at)

        return stock(self, batch, step)

    monkeypatch.setattr(Worker, "render", pressed)
    assert command("-o", "out") == 130
    said = capsys.readouterr()
    assert said.err == "note: stopping after this step; once more to stop at once\n"
    assert said.out.splitlines()[-1].startswith("interrupted: 2 rendered, 1 left; gallery")
    assert shown == [0, 1, 2, 3, 0, 1]
    assert command("-o", "out") == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("1 clip to render (1 interrupted); 2 already there, skipped")


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


def test_an_interruption_keeps_what_is_finished(
    command, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stock = Worker.render

    def interrupted(self, batch, on_step):
        if batch[0].prompt == "ring":
            raise KeyboardInterrupt
        return stock(self, batch, on_step)

    monkeypatch.setattr(Worker, "render", interrupted)
    assert command("-o", "out") == cli.INTERRUPTED == 130
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "interrupted: 2 rendered, 1 left; gallery: out/gallery.html"
    assert states(Path("out")) == {"a-red-s0": "done", "blue-s0": "done", "ring-s0": "queued"}
