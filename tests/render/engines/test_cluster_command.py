"""``render --engine ray`` as a program: with no cluster, with one, and with one that is gone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from w2sd_video.render.record.ledger import Ledger

from .listed import PROMPTS, pixels
from .program import events, wait_for, workers

pytestmark = pytest.mark.slow
RAY = "--engine", "ray", "--workers", "2"
Start = Callable[..., psutil.Popen]


@pytest.fixture
def head() -> Iterator[psutil.Popen]:
    """``ray start --head``; what it starts ends with it, and nothing else as `ray stop` would."""
    ray = str(Path(sys.executable).with_name("ray"))
    options = "--port=0", "--num-cpus=2", "--include-dashboard=false", "--disable-usage-stats"
    process = psutil.Popen(
        [ray, "start", "--head", "--block", *options], stdout=subprocess.PIPE, text=True
    )
    try:
        assert any("now block forever" in line for line in process.stdout)
        yield process
    finally:
        process.kill()
        process.wait()


def raylets(of: psutil.Process) -> list[psutil.Process]:
    return [process for process in of.children(recursive=True) if process.name() == "raylet"]


def test_without_a_cluster_one_is_made(
    started: Start, tmp_path: Path, here: dict[str, bytes]
) -> None:
    run = started(*RAY)
    wait_for(run, "step")
    assert raylets(run)
    children = run.children(recursive=True)
    assert wait_for(run, "end")["rendered"] == len(PROMPTS)
    assert run.wait(60) == 0
    assert pixels(tmp_path / "out") == here
    _, alive = psutil.wait_procs(children, timeout=20)
    assert not alive


def test_a_killed_run_leaves_no_one_on_the_cluster(
    started: Start,
    head: psutil.Popen,
    tmp_path: Path,
    here: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And the next one goes on where it was. The first finds the cluster, the next is told."""
    run = started(*RAY)
    told = [wait_for(run, "done")]
    left = workers(head)
    assert left
    assert not raylets(run)
    run.kill()
    told += [event for event in events(run) if event["event"] == "done"]
    _, alive = psutil.wait_procs(left, timeout=20)
    assert not alive
    assert raylets(head)
    address = Path(os.environ["RAY_TMPDIR"], "ray", "ray_current_cluster")
    monkeypatch.setenv("RAY_ADDRESS", address.read_text())
    address.unlink()
    again = started(*RAY)
    skipped = wait_for(again, "begin")["skipped"]
    assert not raylets(again)
    *rest, end = [event for event in events(again) if event["event"] in ("done", "end")]
    assert again.wait(60) == 0
    assert len(told) <= skipped < len(PROMPTS)
    assert end["rendered"] == len(rest) == len(PROMPTS) - skipped
    assert not {event["id"] for event in told} & {event["id"] for event in rest}
    assert pixels(tmp_path / "out") == here
    with Ledger(tmp_path / "out" / "ledger.sqlite") as ledger:
        rows = list(ledger.rows())
    assert len(rows) == len(PROMPTS)
    assert {row["state"] for row in rows} == {"done"}


def test_a_cluster_that_is_not_there(
    started: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    run = started(*RAY)
    _, said = run.communicate(timeout=300)
    assert run.returncode == 2
    (line,) = said.splitlines()
    assert line.startswith("error: --engine: no Ray cluster at 127.0.0.1:1, which RAY_ADDRESS")
    out = tmp_path / "out"
    assert not list((out / "clips").iterdir())
    assert not list(out.glob(".*.part"))
    with Ledger(out / "ledger.sqlite") as ledger:
        assert {row["state"] for row in ledger.rows()} == {"queued"}
