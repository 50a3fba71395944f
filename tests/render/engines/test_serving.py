"""What a worker elsewhere does, with a real model in this process."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from w2sd_video.render.engines.crew import Gone, Message, Ready
from w2sd_video.render.engines.serving import Inbox, serve
from w2sd_video.render.inference import worker
from w2sd_video.render.jobs.batches import batches
from w2sd_video.render.jobs.events import Result

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
