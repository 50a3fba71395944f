"""What a run takes: taken from clips, remembered, and told before the next."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from w2sd_video.render.calibrate import calibrate
from w2sd_video.render.events import Cost, Result
from w2sd_video.render.forecast import Forecast, forecast
from w2sd_video.render.jobs import Job, plan
from w2sd_video.render.layers import Layer
from w2sd_video.render.paces import Pace, Paces, Place, Tally

from .listed import planned


@pytest.fixture
def jobs() -> list[Job]:
    base = {"model": "org/model", "reflection": {"weak": {"guidance_scale": 1.0}}}
    rows = [Layer({"prompt": p}, "l.txt", {(): i}) for i, p in enumerate("abcd", 1)]
    return plan([Layer(base, "f")], rows, baseline=True).jobs


def ended(job: Job, denoise: float, load: float = 0.0, size: int = 100) -> Result:
    seconds = {"load": load, "encode": 0.5, "denoise": denoise, "decode": 1.0, "publish": 0.2}
    return Result(job, Path("x.mp4"), size=size, cost=Cost(10, seconds, 7 if load else 5))


def test_a_pace_is_the_median_and_the_loading_what_it_was(jobs: list[Job]) -> None:
    tally, reflected = Tally(Place("local", 2)), jobs[0].settings
    for denoise, load in ((9.0, 4.0), (2.0, 2.0), (2.5, 0.0)):
        tally.add(ended(jobs[0], denoise, load), reflected)
    tally.add(Result(jobs[0], error="no"), reflected)
    assert dict(tally.paces()) == {reflected: Pace(3.0, 4.0, 0.2, 100, 7)}


def test_what_is_remembered(jobs: list[Job], tmp_path: Path) -> None:
    reflected, plain = jobs[0].settings, jobs[1].settings
    pace, place = Pace(3.0, 4.0, 0.2, 100, 7), Place()
    Paces(tmp_path).put([(reflected, pace)], place)
    known = Paces(tmp_path)
    assert known.get(reflected, place) == pace
    assert known.get(plain, place) is None
    assert known.get(reflected, Place("local", 2)) is None
    assert known.get(reflected, Place("ray", None)) is None
    file = tmp_path / "paces.json"
    for damaged in ("{", "[]", '{"a": {"start": 1}}', '{"a": 1}'):
        file.write_text(damaged)
        assert Paces(tmp_path).get(reflected, place) is None
    Paces(tmp_path).put([(plain, pace)], place)
    assert len(json.loads(file.read_text())) == 1


def test_a_cache_that_cannot_be_written_is_no_failure(jobs: list[Job], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    paces = Paces(tmp_path / "file" / "folder")
    pace = Pace(3.0, 4.0, 0.2, 100, 7)
    paces.put([(jobs[0].settings, pace)], Place())
    assert paces.get(jobs[0].settings, Place()) == pace


def test_the_sum(jobs: list[Job], tmp_path: Path) -> None:
    paces = Paces(tmp_path)
    reflected, plain = jobs[0].settings, jobs[1].settings
    for place in (Place(), Place("local", 2), Place("ray", None)):
        paces.put([(reflected, Pace(3.0, 4.0, 0.2, 100, 7))], place)
    assert forecast(jobs, paces, Place()) is None  # one kind is not known
    only = [job for job in jobs if job.settings is reflected]
    assert forecast(only, paces, Place()) == Forecast(pytest.approx(3 + 4 * 4 + 0.2), 400, 7)
    assert forecast(only, paces, Place("local", 2)) == Forecast(pytest.approx(11.2), 400, 7)
    assert forecast(only[:1], paces, Place("local", 2)) == Forecast(pytest.approx(7.2), 100, 7)
    assert forecast(only, paces, Place("ray", None)) is None
    assert forecast([], paces, Place()) is None
    paces.put([(plain, Pace(0.1, 2.0, 0.3, 90, 9))], Place())
    every = forecast(jobs, paces, Place())
    assert every == Forecast(pytest.approx(3.1 + 4 * 4 + 4 * 2 + 0.3), 760, 9)


def test_the_time_is_taken_of_what_was_never_rendered(tiny: Path, tmp_path: Path) -> None:
    jobs = planned(tiny)
    said: list[str] = []
    paces = Paces(tmp_path)
    for _ in range(2):
        calibrate(jobs, paces, Place(), lambda level, line: said.append(f"{level}: {line}"))
    assert said == ["note: taking the time of 2 kinds of clips"]
    taken = [paces.get(settings, Place()) for settings in {j.settings: 0 for j in jobs}]
    for pace in taken:
        assert pace
        assert min(pace.clip, pace.publish, pace.start) > 0
        assert pace.size > 1000
        assert pace.memory > 2**20
    expected = forecast(jobs, paces, Place())
    assert expected
    assert expected.size == 3 * sum(pace.size for pace in taken if pace)


def test_what_is_not_here_is_not_fetched_for_it(jobs: list[Job], tmp_path: Path) -> None:
    said: list[str] = []
    calibrate(jobs, Paces(tmp_path), Place(), lambda level, line: said.append(line))
    assert not said
