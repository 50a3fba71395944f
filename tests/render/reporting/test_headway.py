from __future__ import annotations

import pytest

from w2sd_video.render.jobs.events import Cost, Result, Step
from w2sd_video.render.jobs.job import Job
from w2sd_video.render.jobs.plan import plan
from w2sd_video.render.reporting.headway import Headway
from w2sd_video.render.settings.layers import Layer


def test_the_time_left_follows_the_pace(jobs: list[Job], clock: list[float]) -> None:
    headway = Headway(jobs)
    assert headway.left() is None
    assert headway.share == 0
    clock[0] += 100  # loading the model
    headway.step(Step(jobs[:2], 0, 10, 0))
    clock[0] += 5
    headway.step(Step(jobs[:2], 5, 10, 20))
    assert headway.seconds_per_step == 1.0
    assert headway.share == 0.25
    assert headway.left() == pytest.approx(15)
    clock[0] += 5
    for job in jobs[:2]:
        headway.result(Result(job, cost=Cost(20)))
    assert (headway.share, headway.evaluations) == (0.5, 40)
    assert headway.left() == pytest.approx(10)


def test_clips_are_counted_where_pipelines_decide_what_they_cost(clock: list[float]) -> None:
    """Steps or guidance left to them: nobody knows how many evaluations are to come."""
    rows = [Layer({"prompt": p}, "l.txt", {(): i}) for i, p in enumerate("abcd", 1)]
    rows[0].data["guidance_scale"] = 3.0  # of this one it is known
    jobs = plan([Layer({"model": "org/model", "num_inference_steps": 10}, "f")], rows).jobs
    assert [job.cost for job in jobs] == [20, None, None, None]
    headway = Headway(jobs)
    assert (headway.share, headway.left()) == (0, None)
    headway.step(Step(jobs[:2], 0, 10, 0))
    clock[0] += 5
    headway.step(Step(jobs[:2], 5, 10, 20))
    assert (headway.share, headway.evaluations) == (0.25, 20)
    assert headway.left() == pytest.approx(15)
    clock[0] += 5
    headway.step(Step(jobs[:2], 10, 10, 40))
    for job in jobs[:2]:
        headway.result(Result(job, cost=Cost(20)))
    assert (headway.share, headway.evaluations) == (0.5, 40)
    assert headway.left() == pytest.approx(10)
    headway.result(Result(jobs[2], error="RuntimeError: no"))
    assert headway.left() == pytest.approx(5)
    headway.result(Result(jobs[3], error="RuntimeError: no"))
    assert (headway.share, headway.left()) == (1, None)


def test_files_that_are_still_written_do_not_turn_the_count_back(
    jobs: list[Job], clock: list[float]
) -> None:
    headway = Headway(jobs)
    shown = []
    for step in (Step(jobs[:2], 10, 10, 40), Step(jobs[2:], 0, 10, 0), Step(jobs[2:], 5, 10, 20)):
        clock[0] += 1
        headway.step(step)
        shown.append(headway.evaluations)
    for job in jobs[:2]:
        headway.result(Result(job, cost=Cost(20)))
    assert (*shown, headway.evaluations) == (40, 40, 60, 60)
