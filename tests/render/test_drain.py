"""``render`` as a program, with a tiny pipeline: what it prints, leaves and returns."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import pytest
import yaml

from w2sd_video import cli
from w2sd_video.render.inference.worker import Worker
from w2sd_video.render.jobs.events import Step
from w2sd_video.render.record.folder import open_folder

from .listed import PROMPTS, planned
from .runs import states


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


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("arguments.no_such=1", "arguments.no_such: AnimateDiffPipeline has no such argument"),
        ("scheduler.no_such=1", "scheduler.no_such: DDIMScheduler has no such setting"),
    ],
)
def test_what_a_call_does_not_take_is_told_before_anything_is_done(
    command, capsys: pytest.CaptureFixture[str], setting: str, message: str
) -> None:
    """The folder stays as it is, with what its clips were made with."""
    given = ("-o", "out", "--set", "scheduler.name=DDIMScheduler")
    assert command(*given) == 0
    kept = Path("out/run.yaml").read_text()
    assert command(*given, "--seed", "5", "--set", setting) == 2
    assert message in capsys.readouterr().err
    assert Path("out/run.yaml").read_text() == kept


def test_the_gallery_is_written_anew_when_something_has_changed(
    command, capsys: pytest.CaptureFixture[str]
) -> None:
    def written(*argv: str) -> int:
        assert command("-o", "out", *argv) == 0
        return Path("out/gallery.html").stat().st_ino  # each writing is another file

    first = written()
    assert written() == first
    more = written("--seed", "0-1")
    assert more != first
    os.utime("out/gallery.html", ns=(0, 0))  # killed between the last clip and the page
    again = written("--seed", "0-1")
    assert again != more
    Path("out/gallery.html").unlink()
    written("--seed", "0-1")


def test_a_share_verifies_what_a_run_of_the_whole_has_made(
    command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("-o", "out") == 0
    capsys.readouterr()
    assert command("-o", "out", "--shard", "1/1", "--verify", "2") == 0
    assert "2 verified" in capsys.readouterr().out


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


def test_exit_code_if_some_can_not_be_used(command, capsys: pytest.CaptureFixture[str]) -> None:
    """Where nothing can be, the input is wrong and no clip has failed."""
    wrong = "--set", "reflection.weak.denoiser=."
    assert command("-o", "out", *wrong) == 2
    assert capsys.readouterr().err.startswith("error: --set: reflection: the denoiser '.' can't")
    assert set(states(Path("out")).values()) == {"queued"}
    assert command("-o", "out", *wrong, "--baseline", "--json") == 1
    end = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (end["event"], end["rendered"], end["failed"], end["left"]) == ("end", 3, 3, 0)


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
