"""A dry run into a folder that a run has begun with tells of what is left there."""

from __future__ import annotations

import json
import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from w2sd_video.render.dry_run import tell
from w2sd_video.render.jobs.events import Result
from w2sd_video.render.jobs.job import Job
from w2sd_video.render.jobs.plan import Plan
from w2sd_video.render.jobs.shards import Shard
from w2sd_video.render.record.folder import open_folder
from w2sd_video.render.request import Request
from w2sd_video.render.timing.forecast import Forecast

from .rows import planned

ASKED = Request(prompts="l.txt", config="c.yaml")
Disk = namedtuple("Disk", "total used free")


@pytest.fixture
def plan() -> Plan:
    return planned(*({"prompt": prompt} for prompt in "abcd"))


@pytest.fixture
def forecast_of(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[list[str]]:
    """Of which clips a forecast was asked; each takes ten seconds and a mebibyte."""
    monkeypatch.chdir(tmp_path)
    asked: list[list[str]] = []

    def forecast(jobs: list[Job], *_: object) -> Forecast:
        asked.append([job.prompt for job in jobs])
        return Forecast(10.0 * len(jobs), len(jobs) * 2**20, 2**20, "fits")

    monkeypatch.setattr("w2sd_video.render.dry_run._expected", forecast)
    return asked


def begin(jobs: list[Job], folder: Path, shard: Shard | None = None) -> None:
    """The first is done, the second has failed, the third was interrupted."""
    with open_folder(folder, shard) as ledger:
        ledger.add(jobs)
        path = folder / "clips" / f"{jobs[0].name}.mp4"
        path.write_bytes(b"a clip")
        path.with_suffix(".json").write_text("{}")
        ledger.ended(Result(jobs[0], path))
        ledger.ended(Result(jobs[1], error="RuntimeError: no"))
        ledger.start(jobs[2:3])


def everything(folder: Path) -> dict[str, tuple[int, int]]:
    found = {p: p.stat() for p in folder.rglob("*") if p.is_file()}
    return {str(path): (status.st_size, status.st_mtime_ns) for path, status in found.items()}


@pytest.mark.parametrize("shard", [None, Shard(1, 1)])
def test_only_what_is_left_is_forecast(
    plan: Plan,
    forecast_of: list[list[str]],
    capsys: pytest.CaptureFixture[str],
    shard: Shard | None,
) -> None:
    begin(plan.jobs, Path("renders/l"), shard)
    before = everything(Path("renders"))
    cost = plan.jobs[0].cost
    assert cost
    tell(plan, ASKED)
    assert capsys.readouterr().out.splitlines()[-4:] == [
        f"4 clips, {4 * cost} evaluations; no clip is kept",
        "renders/l: 2 clips to render (1 interrupted, 1 new); 1 already there, skipped;"
        f" 1 failed before, left alone; {2 * cost} evaluations",
        "about 0:20, 2.0 MiB of files, 1.0 MiB of memory a worker",
        "plan: fits",
    ]
    tell(plan, Request(prompts="l.txt", config="c.yaml", retry_failed=True, as_json=True))
    end = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (end["jobs"], end["evaluations"]) == (4, 4 * cost)
    assert (end["left"], end["evaluations_left"], end["skipped"]) == (3, 3 * cost, 1)
    assert (end["failed_before"], end["expected_seconds"]) == (0, 30.0)
    assert forecast_of == [["c", "d"], ["b", "c", "d"]]
    assert everything(Path("renders")) == before


def test_the_folder_may_be_held(plan: Plan, forecast_of: list[list[str]]) -> None:
    folder = Path("out")
    begin(plan.jobs, folder)
    with open_folder(folder):
        tell(plan, Request(prompts="l.txt", config="c.yaml", folder=folder))
    assert forecast_of == [["c", "d"]]


def test_nothing_is_left(
    plan: Plan, forecast_of: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    begin(plan.jobs, Path("renders/l"))
    tell(Plan(plan.jobs[:1], []), ASKED)
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == ("renders/l: 0 clips to render; 1 already there, skipped")
    assert not forecast_of


def test_a_clip_that_gets_another_name_is_not_left(
    forecast_of: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    before, after = (planned({"name": name}).jobs for name in ("old", "new"))
    with open_folder(Path("renders/l")) as ledger:
        ledger.add(before)
        path = Path("renders/l/clips/old-s0.mp4").with_name(f"{before[0].name}.mp4")
        path.write_bytes(b"a clip")
        path.with_suffix(".json").write_text(json.dumps({"id": before[0].id}))
        ledger.ended(Result(before[0], path))
    tell(Plan(after, []), ASKED)
    assert "1 already there (1 moved to new names)" in capsys.readouterr().out
    assert path.exists()
    assert not forecast_of


def test_a_folder_that_can_not_be_read_is_taken_as_empty(
    plan: Plan, forecast_of: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("renders/l").mkdir(parents=True)
    Path("renders/l/ledger.sqlite").write_bytes(b"no database, but long enough to be read" * 40)
    tell(plan, ASKED)
    assert capsys.readouterr().err == (
        "note: renders/l/ledger.sqlite: can't be used as a ledger: file is not a database; so what"
        " is done can't be told, and all is forecast\n"
    )
    assert forecast_of == [["a", "b", "c", "d"]]


def test_too_little_room(
    plan: Plan,
    forecast_of: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def usage(place: Path) -> Disk:
        assert place == Path.cwd()  # the folder is not there yet
        return Disk(0, 0, 3 * 2**20)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    told = (
        "renders/l: 3.0 MiB are free there, and the clips need 4.0 MiB; make room, or take another"
        " folder with -o"
    )
    tell(plan, ASKED)
    assert capsys.readouterr().err == f"note: {told}\n"
    tell(plan, Request(prompts="l.txt", config="c.yaml", as_json=True))
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert events[-2] == {"event": "note", "message": told}
    tell(Plan(plan.jobs[:3], []), ASKED)
    assert not capsys.readouterr().err
