"""What a worker elsewhere does, with a real model in this process."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from w2sd_video.render.engines.crew import Gone, Message, Ready, Refused
from w2sd_video.render.engines.serving import Inbox, serve
from w2sd_video.render.errors import InputError
from w2sd_video.render.inference import worker
from w2sd_video.render.jobs.batches import batches
from w2sd_video.render.jobs.events import Result, Stopped
from w2sd_video.render.jobs.job import Job

from ..listed import planned


def test_a_worker_loads_each_model_once(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the batches differ in: prompt, kind or steps."""
    weak = {"reflection": {"weak": {"denoiser": str(tiny)}}}
    given = [*batches(planned(tiny, **weak))]
    given += batches(planned(tiny, ["green"], **weak, num_inference_steps=2))
    loads, told, inbox = Counter[str](), list[Message](), Inbox()

    def counted(name: str) -> Callable[..., Any]:
        load = getattr(worker, name)

        def loading(*args: Any) -> Any:
            loads[name] += 1
            return load(*args)

        return loading

    def send(message: Message) -> None:
        told.append(message)
        if sum(isinstance(m, Result) for m in told) == sum(map(len, given)):
            inbox.stop.set()

    for batch in given:
        inbox.batches.put(batch)
    (tmp_path / "clips").mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(logging.root, "handlers", [])  # which it replaces
        for name in ("load_pipeline", "load_denoiser"):
            patch.setattr(worker, name, counted(name))
        serve(tmp_path, inbox, send)
    assert len(given) == 6
    assert told.count(Ready()) == 1 + len(given)
    assert told[-1] == Gone()
    assert all(m.error is None for m in told if isinstance(m, Result))
    assert loads == {"load_pipeline": 1, "load_denoiser": 1}


@pytest.mark.parametrize(
    ("error", "last"),
    [
        (InputError("no such adapter"), Gone()),
        (
            RuntimeError("CUDA error: an illegal memory access\nFor debugging"),
            Gone("the device broke at blue-s0: CUDA error: an illegal memory access"),
        ),
    ],
)
def test_a_worker_goes_on_after_a_refusal_and_not_with_a_broken_device(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, last: Gone
) -> None:
    jobs = planned(tiny, baseline=False)
    told, inbox = list[Message](), Inbox()

    class Failing:
        def __init__(self, share: float) -> None: ...

        def render(self, batch: list[Job], on_step: object) -> list[object]:
            if batch[0].prompt == "ring":
                inbox.stop.set()
            raise error if batch[0].prompt == "blue" else ValueError

    for job in jobs:
        inbox.batches.put([job])
    (tmp_path / "clips").mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(logging.root, "handlers", [])
        patch.setattr(worker, "Worker", Failing)
        serve(tmp_path, inbox, told.append)
    assert told[-1] == last
    results = [m.job.prompt for m in told if isinstance(m, Result)]
    if last.why:
        assert results == ["a red"]
        assert told[-2] == Stopped([jobs[1]])
    else:
        (refusal,) = (m for m in told if isinstance(m, Refused))
        assert refusal.batch == [jobs[1]]
        assert "no such adapter" in str(refusal.error)
        assert results == ["a red", "ring"]
        assert told.count(Ready()) == 3
