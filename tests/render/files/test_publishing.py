"""Files are written beside the rendering, in order, and nothing that was handed in is lost."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from w2sd_video.render.files import publishing
from w2sd_video.render.files.publishing import Publisher
from w2sd_video.render.inference.worker import Clip
from w2sd_video.render.jobs.events import Cost, Result
from w2sd_video.render.jobs.job import Job
from w2sd_video.render.jobs.plan import plan
from w2sd_video.render.settings.layers import Layer

CLIP = Clip(np.zeros((2, 16, 16, 3), np.uint8), Cost(4, {"denoise": 1.0}), [])


@pytest.fixture
def jobs() -> list[Job]:
    rows = [Layer({"prompt": p}, "l.txt", {(): i}) for i, p in enumerate("abcd", 1)]
    return plan([Layer({"model": "org/model", "fps": 8}, "f")], rows).jobs


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
