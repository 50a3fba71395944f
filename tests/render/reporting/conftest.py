from __future__ import annotations

import time

import pytest

from w2sd_video.render.jobs.job import Job
from w2sd_video.render.jobs.plan import plan
from w2sd_video.render.settings.layers import Layer


@pytest.fixture
def jobs() -> list[Job]:
    base = {"model": "org/model", "num_inference_steps": 10, "guidance_scale": 3.0}
    rows = [Layer({"prompt": p}, "l.txt", {(): i}) for i, p in enumerate("abcd", 1)]
    return plan([Layer(base, "f")], rows).jobs


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now
