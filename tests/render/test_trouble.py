"""A full disk, a lost or damaged ledger, a clock that jumps: nothing is lost, all is told."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from w2sd_video.render.errors import InputError, RunError
from w2sd_video.render.files import publishing
from w2sd_video.render.record.folder import open_folder
from w2sd_video.render.record.ledger import Ledger
from w2sd_video.render.record.standing import standing
from w2sd_video.render.run import run

from .listed import planned
from .runs import states


def render(jobs: list, folder: Path) -> list[str]:
    """Names of the clips that were rendered."""
    names: list[str] = []
    with open_folder(folder) as ledger:
        found = standing(jobs, folder, ledger)
        run(found.jobs, folder, ledger, lambda step: None, lambda r: names.append(r.job.name))
    return names


def test_a_full_disk_ends_the_run(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish, written = publishing.publish, []

    def full(*args: object) -> Path:
        if written:
            raise OSError(28, "No space left on device")
        written.append(publish(*args))
        return written[0]

    monkeypatch.setattr(publishing, "publish", full)
    jobs = planned(tiny, baseline=False, memory={"batch_size": 1})
    with pytest.raises(RunError, match="No space left on device; the rest is left to render"):
        render(jobs, tmp_path)
    assert states(tmp_path) == {"a-red-s0": "done", "blue-s0": "queued", "ring-s0": "queued"}
    monkeypatch.setattr(publishing, "publish", publish)
    assert render(jobs, tmp_path) == ["blue-s0", "ring-s0"]


# The second clip's files may only have so many bytes.
LIMITED = """
import resource, sys
from w2sd_video.cli import render_main
from w2sd_video.render.files import publishing

publish, published = publishing.publish, []

def limited(*args):
    most = 8_000 if published else -1
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, -1))
    try:
        published.append(publish(*args))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))
    return published[-1]

publishing.publish = limited
sys.argv = ["render", *sys.argv[1:]]
render_main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="has no such limit")
def test_a_clip_that_can_not_be_written_to_its_end(tiny: Path, tmp_path: Path) -> None:
    """As on a full disk: what is there of the clip does not stay."""
    large = {"height": 32, "width": 32, "num_frames": 16, "output": {"crf": 0}}
    config = planned(tiny, ["a"], num_inference_steps=1, **large)[0].config
    settings = config.model_dump(mode="json", exclude={"prompt", "seed", "name"})
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(settings))
    (tmp_path / "l.csv").write_text("prompt,height,width,num_frames\na,16,16,4\nb,,,\n")
    ask = [sys.executable, "-c", LIMITED, "l.csv", "-c", "c.yaml", "-o", "out"]
    done = subprocess.run(ask, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert done.stderr == "error: out: File too large; the rest is left to render\n"
    assert done.stdout.splitlines()[-1].startswith("interrupted: 1 rendered, 1 left")
    found = sorted(p.name for p in (tmp_path / "out" / "clips").iterdir())
    assert found == ["a-s0.json", "a-s0.mp4"]
    assert states(tmp_path / "out") == {"a-s0": "done", "b-s0": "queued"}


# From the start.
NO_ROOM = """
import resource, sys
from w2sd_video.render.engines import station  # torch writes files of its own before
resource.setrlimit(resource.RLIMIT_FSIZE, (3_000, 3_000))
from w2sd_video.cli import render_main
sys.argv = ["render", *sys.argv[1:]]
render_main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="has no such limit")
def test_a_ledger_that_can_not_be_written(tiny: Path, tmp_path: Path) -> None:
    settings = planned(tiny, ["a"])[0].config.model_dump(mode="json", exclude={"prompt", "seed"})
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(settings))
    (tmp_path / "l.txt").write_text("a\n")
    ask = [sys.executable, "-c", NO_ROOM, "l.txt", "-c", "c.yaml", "-o", "out"]
    done = subprocess.run(ask, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("error: out/ledger.sqlite: can't be used as a ledger:")
    assert len(done.stderr.splitlines()) == 1


def test_a_clip_that_was_written_and_not_recorded(tiny: Path, tmp_path: Path) -> None:
    """The run was killed in between; it is not rendered again."""
    jobs = planned(tiny, ["a", "b"], baseline=False)
    render(jobs, tmp_path)
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        ledger.add(jobs)
        ledger.start(jobs[:1])
    assert render(jobs, tmp_path) == []
    assert states(tmp_path) == {"a-s0": "done", "b-s0": "done"}


def test_a_lost_ledger_is_made_from_the_clips(tiny: Path, tmp_path: Path) -> None:
    jobs = planned(tiny, baseline=False)
    render(jobs, tmp_path)
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        before = [(row["id"], row["evaluations"], row["plan"]) for row in ledger.rows()]
    for file in tmp_path.glob("ledger.sqlite*"):
        file.unlink()
    clip = tmp_path / "clips" / "blue-s0.mp4"
    clip.write_bytes(clip.read_bytes()[:-20])  # and one of them is not whole
    side = tmp_path / "clips" / f"{jobs[0].name}.json"  # and one was made with another version
    side.write_text(json.dumps(json.loads(side.read_text()) | {"versions": {"torch": "1.0"}}))
    other = planned(tiny, ["ring"], baseline=False, fps=4)  # and one is to be another
    assert render([*jobs[:2], *other], tmp_path) == ["blue-s0", "ring-s0"]
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        after = {row["id"]: (row["id"], row["evaluations"], row["plan"]) for row in ledger.rows()}
        versions = {row["id"]: row["versions"] for row in ledger.rows()}
    assert after[jobs[0].id] == before[0]
    assert versions[jobs[0].id] == {"torch": "1.0"} != versions[jobs[1].id]
    assert render([*jobs[:2], *other], tmp_path) == []


def test_a_damaged_ledger(tiny: Path, tmp_path: Path) -> None:
    jobs = planned(tiny, ["a", "b"], baseline=False)
    render(jobs, tmp_path)
    path = tmp_path / "ledger.sqlite"
    sqlite3.connect(path).execute("PRAGMA wal_checkpoint(TRUNCATE)")
    whole = path.read_bytes()
    size = 4096
    for damaged in (
        b"no ledger at all" * 100,
        whole[: len(whole) // 2],
        whole[:size] + os.urandom(2 * size) + whole[3 * size :],
    ):
        for file in tmp_path.glob("ledger.sqlite-*"):
            file.unlink()
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=r"can't be used as a ledger: .*move it away"):
            render(jobs, tmp_path)
        path.unlink()
        assert render(jobs, tmp_path) == []


def test_a_clock_that_jumps(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Back by a year in the middle of a run, and again before the next."""
    stock, back = time.time, [0.0]
    monkeypatch.setattr(time, "time", lambda: stock() - back[0])
    jobs = planned(tiny, baseline=False, memory={"batch_size": 1})
    names: list[str] = []

    def on_result(result: object) -> None:
        names.append(result.job.name)
        back[0] += 365 * 86400

    with open_folder(tmp_path) as ledger:
        run(jobs, tmp_path, ledger, lambda step: None, on_result)
    assert len(names) == 3
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        assert all(0 < row["seconds"] < 60 for row in ledger.rows())
    assert render(jobs, tmp_path) == []


def test_what_is_done_counts_more_than_what_is_newer(tiny: Path, tmp_path: Path) -> None:
    """A share has failed by a clock that is ahead; then the whole list was rendered."""
    job = planned(tiny, ["a"], baseline=False)[0]
    render([job], tmp_path)
    with Ledger(tmp_path / "ledger-1-of-2.sqlite") as share:
        share.add([job])
        share._db.execute("UPDATE jobs SET state = 'failed', updated = updated + 1e6")
    assert render([job], tmp_path) == []
    assert states(tmp_path) == {"a-s0": "done"}
