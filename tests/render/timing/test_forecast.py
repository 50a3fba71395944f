"""What a run takes: taken from clips, remembered, and told before the next."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from w2sd_video.render.engines import Place
from w2sd_video.render.jobs.events import Cost, Result
from w2sd_video.render.jobs.job import Job
from w2sd_video.render.jobs.plan import plan
from w2sd_video.render.settings.layers import Layer
from w2sd_video.render.timing.calibrate import calibrate
from w2sd_video.render.timing.forecast import Forecast, forecast
from w2sd_video.render.timing.paces import Pace, Paces, Tally, kind

from ..listed import planned


@pytest.fixture
def jobs() -> list[Job]:
    base = {"model": "org/model", "reflection": {"weak": {"guidance_scale": 1.0}}}
    rows = [Layer({"prompt": p}, "l.txt", {(): i}) for i, p in enumerate("abcd", 1)]
    return plan([Layer(base, "f")], rows, baseline=True).jobs


def ended(job: Job, denoise: float, load: float = 0.0, size: int = 100) -> Result:
    seconds = {"load": load, "encode": 0.5, "denoise": denoise, "decode": 1.0, "publish": 0.2}
    return Result(job, Path("x.mp4"), size=size, cost=Cost(10, seconds, 7 if load else 5, "whole"))


def tally(place: Place, *results: Result) -> Tally:
    taken = Tally(place)
    for result in results:
        taken.started()
        taken.add(result, result.job.settings)
    taken.opening = 2.0
    return taken


def test_a_pace_is_the_median_and_the_loading_what_it_was(jobs: list[Job]) -> None:
    took = [ended(jobs[0], denoise, load) for denoise, load in ((9.0, 4.0), (2.0, 2.0), (2.5, 0))]
    taken = tally(Place("local", 2), *took, Result(jobs[0], error="no"))
    assert dict(taken.paces()) == {kind(jobs[0].settings): Pace(4.0, 0.2, 100, 7, "whole")}
    assert list(taken.loading.values()) == [3.0]


def test_kinds_are_what_takes_the_same_time() -> None:
    def of(**changes: object) -> str:
        base = {"model": "org/model", "num_inference_steps": 9, "guidance_scale": 3.0}
        base["reflection"] = {"weak": {"guidance_scale": 1.0}}
        row = Layer({"prompt": "a"}, "l", {(): 1})
        return kind(plan([Layer(base | changes, "f")], [row]).jobs[0].settings)

    weak = {"guidance_scale": 1.0}
    for same in (
        {"guidance_scale": 4.0},
        {"negative_prompt": "blurred"},
        {"reflection": {"weak": weak, "gap": 0.5}},
        {"reflection": {"weak": weak | {"prompt": "another"}}},
    ):
        assert of(**same) == of(), same
    for other in (
        {"guidance_scale": 1.0},
        {"num_inference_steps": 10},
        {"height": 64, "width": 64},
        {"memory": {"batch_size": 2}},
        {"reflection": None},
        {"reflection": {"weak": weak, "steps": 3}},
        {"reflection": {"weak": weak, "mode": "implicit"}},
        {"reflection": {"weak": weak | {"denoiser": "org/other"}}},
    ):
        assert of(**other) != of(), other


def test_what_is_remembered(jobs: list[Job], tmp_path: Path) -> None:
    reflected, plain = jobs[0].settings, jobs[1].settings
    place = Place()
    Paces(tmp_path).put(tally(place, ended(jobs[0], 2.5, 3.0)), place)
    known = Paces(tmp_path)
    assert known.get(reflected, place) == Pace(4.0, 0.2, 100, 7, "whole")
    assert known.loading(plain, place) == 3.0  # the same model
    assert known.opening(place) == 2.0
    assert known.get(plain, place) is None
    assert known.get(reflected, Place("local", 2)) is None
    assert known.opening(Place("local", 2)) == 0
    file = tmp_path / "paces.json"
    for damaged in ("{", "[]", '{"clips": {"a": {"start": 1}}}', '{"clips": 1}'):
        file.write_text(damaged)
        assert Paces(tmp_path).get(reflected, place) is None
    Paces(tmp_path).put(tally(place, ended(jobs[1], 2.5)), place)
    assert len(json.loads(file.read_text())["clips"]) == 1


def test_another_machine_has_its_own(
    jobs: list[Job], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Paces(tmp_path).put(tally(Place(), ended(jobs[0], 2.5)), Place())
    monkeypatch.setattr("platform.node", lambda: "another")
    assert Paces(tmp_path).get(jobs[0].settings, Place()) is None


def test_a_cache_that_cannot_be_written_is_no_failure(jobs: list[Job], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    paces = Paces(tmp_path / "file" / "folder")
    paces.put(tally(Place(), ended(jobs[0], 2.5)), Place())
    assert paces.get(jobs[0].settings, Place()) == Pace(4.0, 0.2, 100, 5, "whole")


def test_the_sum(jobs: list[Job], tmp_path: Path) -> None:
    paces = Paces(tmp_path)
    for place in (Place(), Place("local", 3), Place("ray", 2)):
        paces.put(tally(place, ended(jobs[0], 2.5, 3.0 * (place.workers or 1))), place)
    assert forecast(jobs, paces, Place()) is None  # one kind is not known
    only = [job for job in jobs if job.kind == "reflected"]
    begin = 2.0 + 3.0
    assert forecast(only, paces, Place()) == Forecast(
        pytest.approx(begin + 4 * 4 + 0.2), 400, 7, "whole"
    )
    # Four clips on three workers are two rounds.
    three = forecast(only, paces, Place("local", 3))
    assert three == Forecast(pytest.approx(begin + 2 * 4 + 0.2), 400, 7, "whole")
    assert forecast(only, paces, Place("ray", 2)) is None
    assert forecast([], paces, Place()) is None
    paces.put(tally(Place(), ended(jobs[1], 0.5, size=90)), Place())
    every = forecast(jobs, paces, Place())
    assert every
    assert every.size == 760
    assert every.seconds == pytest.approx(2.0 + 4 * 4 + 4 * 2 + 0.2)  # and no loading this time


def test_the_time_is_taken_of_what_was_never_rendered(tiny: Path, tmp_path: Path) -> None:
    jobs = planned(tiny)
    said: list[str] = []
    paces = Paces(tmp_path)
    for _ in range(2):
        calibrate(jobs, paces, Place(), lambda level, line: said.append(f"{level}: {line}"))
    assert said == ["note: rendering 2 kinds of clips to take their time"]
    taken = [paces.get(settings, Place()) for settings in {j.settings: 0 for j in jobs}]
    for pace in taken:
        assert pace
        assert min(pace.clip, pace.publish) > 0
        assert pace.size > 1000
        assert pace.memory > 2**20
        assert pace.plan.startswith("all weights on the device, ")
    expected = forecast(jobs, paces, Place())
    assert expected
    assert paces.opening(Place()) > 0
    assert paces.loading(jobs[0].settings, Place()) > 0
    assert expected.size == 3 * sum(pace.size for pace in taken if pace)


def test_what_is_not_here_is_not_fetched_for_it(jobs: list[Job], tmp_path: Path) -> None:
    said: list[str] = []
    calibrate(jobs, Paces(tmp_path), Place(), lambda level, line: said.append(line))
    assert not said
