"""Pipelines that share their modules, one call at a time: what a call patches is its own."""

from __future__ import annotations

import copy
import threading
from typing import Any

import pytest
import torch

from w2sd_video import Reflection

from .animatediff import GUIDANCE, frames


def test_another_thread_s_call_of_the_same_denoiser(pipe: Any) -> None:
    """It would sample with what the first one's sides have patched."""
    other = type(pipe).from_pipe(pipe)
    raised: list[BaseException] = []

    def run() -> None:
        try:
            frames(other)
        except BaseException as error:
            raised.append(error)

    def in_between(*_: object) -> dict[str, object]:
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        return {}

    call = {"reflection": Reflection(weak=GUIDANCE), "steps": 2}
    expected = frames(pipe, **call)
    assert torch.equal(frames(pipe, **call, callback_on_step_end=in_between), expected)
    assert len(raised) == 2
    for error in raised:
        assert "give each thread a pipeline with modules of its own" in str(error)
    run()  # and afterwards it can
    assert len(raised) == 2


def test_a_pipeline_makes_one_call_at_a_time(pipe: object) -> None:
    def again(*_: object) -> dict[str, object]:
        frames(pipe)
        return {}

    with pytest.raises(RuntimeError, match="in a call already; give each thread a pipeline"):
        frames(pipe, reflection=Reflection(weak=GUIDANCE), callback_on_step_end=again)
    assert frames(pipe).isfinite().all()


def test_a_preview_by_another_pipeline_in_a_callback(pipe: Any) -> None:
    """It has the same denoiser, and samples as if it were alone."""
    reflection = Reflection(weak=GUIDANCE)
    other = type(pipe).from_pipe(pipe, scheduler=copy.deepcopy(pipe.scheduler))
    other.set_progress_bar_config(disable=True)
    expected = frames(other, seed=9, reflection=reflection)
    counted = other.run.evaluations
    alone = frames(pipe, reflection=reflection)
    shown = []

    def preview(*_: object) -> dict[str, object]:
        shown.append(frames(other, seed=9, reflection=reflection))
        assert other.run.evaluations == counted
        return {}

    assert torch.equal(frames(pipe, reflection=reflection, callback_on_step_end=preview), alone)
    assert pipe.run.evaluations == counted
    assert len(shown) == 4
    assert all(torch.equal(each, expected) for each in shown)
