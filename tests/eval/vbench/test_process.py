"""The runner's subprocess: its ends, and what is said of each."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

import pytest
from w2sd_video.eval.errors import Crashed, EvaluationError, TimedOut, Unusable
from w2sd_video.eval.vbench import process
from w2sd_video.eval.vbench.process import run_task

from .conftest import FAKE, Fake, is_there, wait_for

PYTHON = Path(sys.executable)
REQUEST = {"task": "check", "dimensions": ["color", "scene"]}


def ask(tmp_path: Path, silence: float = 20.0) -> dict[str, object]:
    return run_task(PYTHON, REQUEST, tmp_path / "eval" / "x.log", silence, script=FAKE)


def test_a_result(fake: Fake, tmp_path: Path) -> None:
    assert ask(tmp_path)["scene"] == ""
    assert (tmp_path / "eval" / "x.log").read_text() == "asked for check\n"


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        ("crash", Crashed, "with exit code 1: would not load"),
        ("signal", Crashed, "by signal 11"),
        ("nothing", Unusable, "left no result"),
        ("truncated", Unusable, "result is broken"),
        ("list", Unusable, "no JSON object"),
    ],
)
def test_no_result(
    fault: str, kind: type[EvaluationError], words: str, fake: Fake, tmp_path: Path
) -> None:
    fake.set(fault)
    with pytest.raises(kind, match=words) as error:
        ask(tmp_path)
    assert str(tmp_path / "eval" / "x.log") in str(error.value)


def test_a_hung_runner_is_ended_with_all_it_started(
    fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = tmp_path / "child"
    monkeypatch.setenv("FAKE_CHILD", str(child))
    fake.set("hang")
    with pytest.raises(TimedOut, match="silent for 2 s"):
        ask(tmp_path, silence=2.0)
    wait_for(lambda: not is_there(int(child.read_text())))


def test_a_runner_that_does_not_end_when_asked_to_is_killed(
    fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = tmp_path / "runner"
    monkeypatch.setenv("FAKE_CHILD", str(runner))
    monkeypatch.setattr(process, "GRACE", 0.3)
    fake.set("deaf")
    with pytest.raises(TimedOut):
        ask(tmp_path, silence=2.0)
    assert not is_there(int(runner.read_text()))


def test_who_says_something_is_not_hung(fake: Fake, tmp_path: Path) -> None:
    fake.set("alive")
    assert ask(tmp_path, silence=3.0)["scene"] == ""


def test_an_interruption_ends_the_runner(
    fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = tmp_path / "child"
    monkeypatch.setenv("FAKE_CHILD", str(child))
    fake.set("hang")

    def interrupt() -> None:
        wait_for(lambda: child.exists() and child.read_text())
        os.kill(os.getpid(), 2)

    # Whatever another test has left: what is tested is what Python does by itself.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            ask(tmp_path)
    finally:
        signal.signal(signal.SIGINT, before)
    thread.join()
    wait_for(lambda: not is_there(int(child.read_text())))
