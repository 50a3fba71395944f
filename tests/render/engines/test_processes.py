"""Several worker processes: the same clips, none lost when one dies, and Ctrl-C."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import psutil
import pytest

from w2sd_video.render.engines import processes
from w2sd_video.render.engines.crew import Gone, Message
from w2sd_video.render.engines.processes import Processes
from w2sd_video.render.errors import InputError
from w2sd_video.render.jobs.events import Result, Step
from w2sd_video.render.record.folder import open_folder
from w2sd_video.render.record.ledger import Ledger
from w2sd_video.render.run import run

from .listed import PROMPTS, listed, pixels
from .program import wait_for, workers


def test_the_clips_are_the_same(tiny: Path, tmp_path: Path, here: dict[str, bytes]) -> None:
    steps: list[Step] = []
    results: list[Result] = []
    jobs = listed(tiny)

    def press(step: Step) -> None:
        """A terminal sends Ctrl-C to every process, and a scheduler SIGTERM; workers leave it
        to the one that leads."""
        steps.append(step)
        for worker in workers(psutil.Process()) if len(steps) == 4 else ():
            os.kill(worker.pid, signal.SIGINT)
            os.kill(worker.pid, signal.SIGTERM)

    with open_folder(tmp_path) as ledger:
        run(jobs, tmp_path, ledger, press, results.append, Processes(2))
        rows = list(ledger.rows())
    assert pixels(tmp_path) == here
    assert sorted(r.job.name for r in results) == sorted(job.name for job in jobs)
    assert all(row["state"] == "done" and row["attempts"] == 1 for row in rows)
    assert all(row["evaluations"] == job.cost for row, job in zip(rows, jobs, strict=True))
    assert {step.jobs[0].id for step in steps} == {job.id for job in jobs}
    assert not workers(psutil.Process())


def test_a_dead_workers_clip_is_taken_up(
    tiny: Path, tmp_path: Path, here: dict[str, bytes], caplog: pytest.LogCaptureFixture
) -> None:
    killed: list[int] = []

    def kill(step: Step) -> None:
        if step.done == 1 and not killed:
            victim = workers(psutil.Process())[0]  # whoever it is, it is rendering or about to
            killed.append(victim.pid)
            victim.kill()

    results: list[Result] = []
    with open_folder(tmp_path) as ledger:
        run(listed(tiny), tmp_path, ledger, kill, results.append, Processes(1))
        rows = list(ledger.rows())
    assert pixels(tmp_path) == here
    assert {row["state"] for row in rows} == {"done"}
    assert sum(row["attempts"] for row in rows) == len(PROMPTS) + 1
    assert len(results) == len(PROMPTS)
    assert f"a worker died (process {killed[0]}, by signal SIGKILL)" in caplog.text


def test_what_kills_every_worker_is_recorded(tiny: Path, tmp_path: Path) -> None:
    def kill(step: Step) -> None:
        if step.jobs[0].prompt == "blue" and step.done == 0:
            workers(psutil.Process())[0].kill()

    results: list[Result] = []
    with open_folder(tmp_path) as ledger:
        run(listed(tiny)[:3], tmp_path, ledger, kill, results.append, Processes(1))
        rows = {row["name"]: row for row in ledger.rows()}
    states = {name: row["state"] for name, row in rows.items()}
    assert states == {"a-red-s0": "done", "blue-s0": "failed", "ring-s0": "done"}
    assert rows["blue-s0"]["attempts"] == 3
    assert rows["blue-s0"]["error"].startswith("3 workers died with it: process ")
    assert len(results) == 3


def test_it_ends_after_the_steps_under_way(tiny: Path, tmp_path: Path) -> None:
    jobs = listed(tiny, num_inference_steps=30)
    seen: list[Step] = []

    def check() -> None:
        if any(step.done == 2 for step in seen):
            raise KeyboardInterrupt

    with open_folder(tmp_path) as ledger, pytest.raises(KeyboardInterrupt):
        run(jobs, tmp_path, ledger, seen.append, lambda result: None, Processes(2), check)
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        states = {row["state"] for row in ledger.rows()}
    assert states == {"queued"}
    assert max(step.done for step in seen) < 30
    assert not workers(psutil.Process())
    assert not list((tmp_path / "clips").iterdir())


def test_bad_input_is_told_as_such(tiny: Path, tmp_path: Path) -> None:
    jobs = listed(tiny, scheduler={"name": "DDIMScheduler", "timestep_spacin": "trailing"})
    with (
        open_folder(tmp_path) as ledger,
        pytest.raises(InputError, match=r"^f: scheduler.timestep_spacin: DDIMScheduler has no"),
    ):
        run(jobs, tmp_path, ledger, lambda step: None, lambda result: None, Processes(1))
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        assert {row["state"] for row in ledger.rows()} == {"queued"}
    assert not workers(psutil.Process())


def test_a_second_ctrl_c_ends_it_at_once(
    started: Callable[..., psutil.Popen], tmp_path: Path
) -> None:
    """Workers are held in the middle of a step: only the first press waits for them."""
    run = started("--workers", "2", num_inference_steps=900)
    wait_for(run, "step")
    held = workers(run)
    assert held
    for worker in held:
        worker.suspend()
    run.send_signal(signal.SIGINT)
    assert wait_for(run, "note")["message"].startswith("stopping after this step")
    with pytest.raises(psutil.TimeoutExpired):
        run.wait(1)
    run.send_signal(signal.SIGINT)
    run.communicate(timeout=20)
    assert run.returncode == 130
    _, alive = psutil.wait_procs(held, timeout=5)
    assert not alive
    with Ledger(tmp_path / "out" / "ledger.sqlite") as ledger:
        assert {row["state"] for row in ledger.rows()} == {"queued"}


def test_a_killed_run_leaves_no_one_behind(
    started: Callable[..., psutil.Popen], tmp_path: Path, here: dict[str, bytes]
) -> None:
    """And the next one goes on where it was."""
    run = started("--workers", "2")
    wait_for(run, "done")
    children = run.children()
    assert children
    run.kill()
    run.wait()
    _, alive = psutil.wait_procs(children, timeout=20)
    assert not alive
    again = started("--workers", "2")
    told = wait_for(again, "begin")
    assert told["skipped"] >= 1
    assert wait_for(again, "end")["failed"] == 0
    assert again.wait(60) == 0
    assert pixels(tmp_path / "out") == here


class StillBorn:
    """Processes that end at once."""

    pid, exitcode = 7, 1

    def __init__(self, target: object, args: tuple[Connection, Path, int, int], daemon: bool):
        self.place = args[2]

    def start(self) -> None:
        started.append(self.place)

    def join(self, timeout: float | None = None) -> None: ...

    def kill(self) -> None: ...


started: list[int] = []


def test_a_place_where_no_process_starts_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(multiprocessing.get_context("spawn"), "Process", StillBorn, raising=False)
    started.clear()
    crew = processes._Crew(tmp_path, 2)
    crew.begin()
    told: list[tuple[int, Message]] = []
    for _ in range(20):
        told += crew.messages(0.0) if crew.living else []
    crew.close()
    assert sorted(started) == [0, 0, 0, 1, 1, 1]
    assert [message for _, message in told] == [Gone("process 7, with exit code 1")] * 6
    assert caplog.messages == ["worker 1 of 2 is given up", "worker 2 of 2 is given up"]
