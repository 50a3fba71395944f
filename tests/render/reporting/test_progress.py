from __future__ import annotations

import io
import json
import math
from collections import Counter
from pathlib import Path

import pytest
from rich.console import Console

from w2sd_video.render.jobs.events import Cost, Result, Step
from w2sd_video.render.jobs.job import Job
from w2sd_video.render.record.standing import Standing
from w2sd_video.render.record.verify import Check
from w2sd_video.render.reporting import progress
from w2sd_video.render.timing.forecast import Forecast


def test_lines_come_now_and_then(
    jobs: list[Job], clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    lines = progress.Lines()
    lines.begin(Standing(jobs[:1], Counter(new=1), 3, 0), Path("out"), None)
    for done in range(11):
        clock[0] += 4
        lines.step(Step(jobs[:1], done, 10, 2 * done))
    warning = ["the prompt is too long"]
    lines.result(
        Result(jobs[0], Path("clips/a-s0.mp4"), cost=Cost(20, {"denoise": 44.0}), warnings=warning)
    )
    said = capsys.readouterr()
    assert said.out.splitlines() == [
        "1 clip to render; 3 already there, skipped",
        "  step 2/10, 4 evaluations, 4.00 s/step, 0:32 left",
        "  step 5/10, 10 evaluations, 4.00 s/step, 0:20 left",
        "  step 8/10, 16 evaluations, 4.00 s/step, 0:08 left",
        "[1/1] a-s0.mp4  20 evaluations, 44.0 s",
    ]
    assert said.err == "warning: l.txt:1: the prompt is too long\n"


def test_the_live_display_tells_it_all(jobs: list[Job], clock: list[float]) -> None:
    live = progress.Live()
    screen = Console(file=io.StringIO(), force_terminal=True, width=120)
    live._console = live._bars.live.console = screen
    live.begin(Standing(jobs, Counter(new=4), 0, 0), Path("out"), None)
    live.step(Step(jobs[:2], 0, 10, 0))
    clock[0] += 5
    live.step(Step(jobs[:2], 5, 10, 20))
    live.result(Result(jobs[0], error="RuntimeError: [no] markup"))
    overall, batch = (task.fields["state"] for task in live._bars.tasks)
    live.close()
    assert overall.startswith("1/4, 0 evaluations, 1 failed")
    assert batch == "5/10, 1.00 s/step, 2 clips at once"
    assert "RuntimeError: [no] markup" in screen.file.getvalue()


def test_events_tell_the_pace_and_what_failed(
    jobs: list[Job], clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    events = progress.Events()
    events.begin(Standing(jobs, Counter(new=4), 0, 0), Path("out"), None)
    events.step(Step(jobs[:2], 0, 10, 0))
    events.result(Result(jobs[2], error="no"))
    clock[0] += 5
    events.step(Step(jobs[:2], 5, 10, 20))
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    keys = ("event", "seconds_per_step", "finished", "failed", "evaluations")
    assert [last[key] for key in keys] == ["step", 1.0, 1, 1, 20]


def test_a_clip_that_can_not_be_read_is_told_apart_from_one_that_differs(
    jobs: list[Job], capsys: pytest.CaptureFixture[str]
) -> None:
    events = progress.Events()
    events.check(Check(jobs[0], 0.0, "InvalidDataError: no moov atom"))
    events.check(Check(jobs[0], 31.5))
    events.check(Check(jobs[0], math.inf))
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(event["ok"], event["psnr"], event["error"]) for event in told] == [
        (False, None, "InvalidDataError: no moov atom"),
        (False, 31.5, None),
        (True, None, None),
    ]


def test_clips_are_not_replaced_without_a_word(
    jobs: list[Job], capsys: pytest.CaptureFixture[str]
) -> None:
    for count, told in {
        1: "1 finished clip has other settings now and is replaced; render into another folder"
        " with -o to keep it",
        9000: "9,000 finished clips have other settings now and are replaced; render into another"
        " folder with -o to keep them",
    }.items():
        found = Standing(jobs, Counter(new=1, changed=count), 0, 0)
        progress.Lines().begin(found, Path("out"), None)
        assert capsys.readouterr().err == f"note: {told}\n"
        progress.Events().begin(found, Path("out"), None)
        lines = capsys.readouterr().out.splitlines()
        assert json.loads(lines[1]) == {"event": "note", "message": told}
    progress.Lines().begin(Standing(jobs, Counter(new=4), 0, 0), Path("out"), None)
    assert not capsys.readouterr().err


def test_the_first_line_says_what_and_why(jobs: list[Job]) -> None:
    why = Counter({"new": 2, "damaged": 1, "changed": 1})
    assert progress.opening(Standing(jobs, why, 9, 3)) == (
        "4 clips to render (2 new, 1 damaged, 1 changed); 9 already there, skipped;"
        " 3 failed before, left alone"
    )
    assert progress.opening(Standing([], Counter(), 9, 0, 2)) == (
        "0 clips to render; 9 already there (2 moved to new names), skipped"
    )
    one = Standing(jobs[:1], Counter(new=1), 0, 0)
    assert progress.opening(one) == "1 clip to render"
    assert progress.opening(one, Forecast(75.2, 1, 1)) == "1 clip to render; about 1:15"
