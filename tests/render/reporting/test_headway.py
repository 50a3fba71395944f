from __future__ import annotations

import pytest

from w2sd_video.render.jobs.events import Cost, Result, Step
from w2sd_video.render.jobs.job import Job
from w2sd_video.render.reporting.headway import Headway


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
