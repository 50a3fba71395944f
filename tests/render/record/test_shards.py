"""Shares of a list in one folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from w2sd_video.render.errors import InputError
from w2sd_video.render.jobs.events import Result
from w2sd_video.render.jobs.job import Job
from w2sd_video.render.jobs.plan import plan
from w2sd_video.render.jobs.shards import Shard
from w2sd_video.render.record.folder import open_folder, rows
from w2sd_video.render.record.standing import standing
from w2sd_video.render.settings.layers import Layer

from .test_folder import HOLD


def jobs(count: int = 40, **settings: object) -> list[Job]:
    base = {"model": "org/model", "reflection": {}} | settings
    rows = [Layer({"prompt": f"ring {i}"}, "l", {(): i}) for i in range(count)]
    return plan([Layer(base, "f")], rows, baseline=True).jobs


def publish(job: Job, folder: Path) -> Path:
    path = folder / "clips" / f"{job.name}.mp4"
    path.write_bytes(job.id.encode())
    (folder / "clips" / f"{job.name}.json").write_text("{}")
    return path


def test_shares_are_taken_in(tmp_path: Path) -> None:
    found = jobs(6)
    with open_folder(tmp_path) as ledger:  # an earlier run of the whole list
        ledger.add(found[:2])
        ledger.ended(Result(found[0], publish(found[0], tmp_path)))
    for index in (1, 2):
        shard = Shard(index, 2)
        with open_folder(tmp_path, shard) as ledger:
            todo = standing(shard.of(found), tmp_path, ledger).jobs
            assert found[0] not in todo
            ledger.add(todo)
            for job in todo[:-1]:
                ledger.ended(Result(job, publish(job, tmp_path)))
            ledger.ended(Result(todo[-1], error="ValueError: no"))
    assert len(list(tmp_path.glob("ledger-?-of-2.sqlite"))) == 2
    assert len(rows(tmp_path)) == 12
    with open_folder(tmp_path) as ledger:
        assert (standing(found, tmp_path, ledger).done, len(list(ledger.rows("failed")))) == (10, 2)
        assert len(list(ledger.rows())) == 12
        row = ledger.get(found[3].id)
        assert row
        assert row["config"] == found[3].config.model_dump(mode="json")
    assert not list(tmp_path.glob("*-of-2*"))
    assert len(rows(tmp_path)) == 12


def test_a_failure_of_a_share_is_taken_in_beside_a_clip_of_its_name(tmp_path: Path) -> None:
    before, after = jobs(1), jobs(1, num_inference_steps=9)
    with open_folder(tmp_path) as ledger:
        ledger.add(before)
        for job in before:
            ledger.ended(Result(job, publish(job, tmp_path)))
    with open_folder(tmp_path, Shard(1, 1)) as ledger:
        ledger.add(after)
        for job in after:
            ledger.ended(Result(job, error="ValueError: no"))
    with open_folder(tmp_path) as ledger:
        found = standing(after, tmp_path, ledger)
        assert (found.jobs, found.failed) == ([], 2)
        assert {row["state"] for row in ledger.rows()} == {"done", "failed"}


def test_the_newest_clip_of_a_name_is_the_one(tmp_path: Path) -> None:
    """A changed setting moves clips to other shares."""
    before, after = jobs(20), jobs(20, fps=4)
    for given in (before, after):
        for shard in (Shard(1, 2), Shard(2, 2)):
            with open_folder(tmp_path, shard) as ledger:
                mine = shard.of(given)
                ledger.add(mine)
                for job in mine:
                    ledger.ended(Result(job, publish(job, tmp_path)))
    assert {row["id"] for row in rows(tmp_path)} == {job.id for job in after}
    with open_folder(tmp_path) as ledger:
        assert standing(after, tmp_path, ledger).done == 40
        assert {row["id"] for row in ledger.rows()} == {job.id for job in after}


def test_another_number_of_shares(tmp_path: Path) -> None:
    found = jobs(10)
    halves, third = Shard(1, 2), Shard(1, 3)
    with open_folder(tmp_path, halves) as ledger:
        ledger.add(halves.of(found))
        for job in halves.of(found):
            ledger.ended(Result(job, publish(job, tmp_path)))
        told = pytest.raises(InputError, match="is rendered into by process")
        with told, open_folder(tmp_path, third):
            pass
    with open_folder(tmp_path, third) as ledger:
        todo = standing(third.of(found), tmp_path, ledger).jobs
    assert {job.id for job in todo} == {job.id for job in third.of(found)} - {
        job.id for job in halves.of(found)
    }


def test_a_changed_clip_of_a_share_replaces_the_one_before(tmp_path: Path) -> None:
    before, after = jobs(1)[:1], jobs(1, fps=4)[:1]
    for given, shard in ((before, None), (after, Shard(1, 1))):
        with open_folder(tmp_path, shard) as ledger:
            ledger.add(given)
            ledger.ended(Result(given[0], publish(given[0], tmp_path)))
    with open_folder(tmp_path) as ledger:
        assert [row["id"] for row in ledger.rows()] == [after[0].id]


def test_who_may_hold_a_folder_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = Shard(1, 2), Shard(2, 2)
    told = pytest.raises(InputError, match="is rendered into by process")
    with open_folder(tmp_path, one), open_folder(tmp_path, two), told, open_folder(tmp_path):
        pass
    monkeypatch.setattr("w2sd_video.render.record.folder.PATIENCE", 0.1)
    ask = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(ask, stdout=subprocess.PIPE, text=True) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == "held\n"
            told = pytest.raises(InputError, match=f"by process {other.pid}")
            with told, open_folder(tmp_path, one):
                pass
        finally:
            other.kill()
