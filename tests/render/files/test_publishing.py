"""Files are written beside the rendering, in order, and nothing that was handed in is lost."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from w2sd_video.render.errors import RunError
from w2sd_video.render.files import clips, publishing
from w2sd_video.render.files.publishing import Publisher
from w2sd_video.render.inference.worker import Clip
from w2sd_video.render.jobs.events import Cost, Event, Result, Stopped
from w2sd_video.render.jobs.job import Job
from w2sd_video.render.jobs.plan import plan
from w2sd_video.render.settings.layers import Layer

CLIP = Clip(np.zeros((2, 16, 16, 3), np.uint8), Cost(4, {"denoise": 1.0}), [])


@pytest.fixture
def jobs() -> list[Job]:
    return planned()


def planned(**base: object) -> list[Job]:
    rows = [Layer({"prompt": p}, "l.txt", {(): i}) for i, p in enumerate("abcd", 1)]
    return plan([Layer({"model": "org/model", "fps": 8} | base, "f")], rows).jobs


class Slow:
    """Writing that waits until it may."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go = threading.Semaphore(0)
        self.threads: set[int] = set()
        publish = publishing.publish

        def slow(folder: Path, job: Job, *rest: Any) -> Path:
            assert self.go.acquire(timeout=30)
            self.threads.add(threading.get_ident())
            if job.prompt == "b":
                raise OSError("No space left on device")
            return publish(folder, job, *rest)

        monkeypatch.setattr(publishing, "publish", slow)


def test_rendering_goes_on_meanwhile(
    jobs: list[Job], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, results = Slow(monkeypatch), list[Result]()
    (tmp_path / "clips").mkdir()
    with Publisher(tmp_path, results.append) as publisher:
        for job in jobs:
            publisher.add(job, CLIP)
        publisher.collect()
        assert not results
        for _ in range(3):
            slow.go.release()
        publisher.collect(most=1)
        assert [result.job for result in results] == jobs[:3]
        assert results[1].error == "OSError: No space left on device"
        assert results[2].cost.evaluations == 4
        assert results[2].cost.seconds["denoise"] == 1.0
        assert results[2].cost.seconds["publish"] > 0
        slow.go.release()
    assert [result.path is not None for result in results] == [True, False, True, True]
    assert len(slow.threads) == 1
    assert threading.get_ident() not in slow.threads


def test_an_interruption_waits_for_what_was_handed_in(
    jobs: list[Job], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, results = Slow(monkeypatch), list[Result]()
    (tmp_path / "clips").mkdir()

    def interrupted() -> None:
        with Publisher(tmp_path, results.append) as publisher:
            publisher.add(jobs[0], CLIP)
            slow.go.release()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert len(results) == 1
    assert results[0].path is not None
    assert results[0].path.exists()


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES])
def test_a_folder_that_takes_no_more_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    publish, tries, told = publishing.publish, list[Job](), list[Event]()

    def refused(folder: Path, job: Job, *rest: Any) -> Path:
        tries.append(job)
        if job.prompt == "b":
            raise OSError(code, os.strerror(code))
        return publish(folder, job, *rest)

    monkeypatch.setattr(publishing, "publish", refused)
    (tmp_path / "clips").mkdir()
    a, b, *_ = planned(retries=3)

    def render() -> None:
        with Publisher(tmp_path, told.append) as publisher:
            publisher.add(a, CLIP)
            publisher.add(b, CLIP)

    with pytest.raises(RunError) as error:
        render()
    reason = os.strerror(code)
    assert str(error.value) == f"{tmp_path}: {reason}; the rest is left to render"
    assert tries == [a, b]
    assert isinstance(told[0], Result)
    assert told[0].path is not None
    assert told[1:] == [Stopped([b])]


@pytest.mark.parametrize(("retries", "fails", "errors"), [(0, 1, 1), (2, 2, 0), (2, 3, 1)])
def test_a_clip_that_does_not_read_back_is_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, retries: int, fails: int, errors: int
) -> None:
    check, checked, results = clips._check, list[str](), list[Result]()

    def checks(path: Path, job: Job, shape: tuple[int, ...]) -> None:
        checked.append(job.prompt)
        if checked.count("a") <= fails:
            raise ValueError("reads back as another")
        check(path, job, shape)

    monkeypatch.setattr(clips, "_check", checks)
    (tmp_path / "clips").mkdir()
    with Publisher(tmp_path, results.append) as publisher:
        publisher.add(planned(retries=retries)[0], CLIP)
    assert len(results) == 1
    assert bool(results[0].error) == errors
    assert len(checked) == min(fails, retries) + 1
    assert len(list((tmp_path / "clips").iterdir())) == (0 if errors else 2)
