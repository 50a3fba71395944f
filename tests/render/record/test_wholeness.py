"""A file beside a clip that lost its end is found when the run is taken up again."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from w2sd_video.render.files.clips import files
from w2sd_video.render.files.clips import publish as publish_files
from w2sd_video.render.jobs.events import Result
from w2sd_video.render.jobs.job import Job
from w2sd_video.render.record.folder import open_folder
from w2sd_video.render.record.standing import glance, standing
from w2sd_video.render.record.wholeness import ends_well

from ..rows import planned


@pytest.fixture
def job() -> Job:
    size = {"height": 16, "width": 16, "num_frames": 4}
    return planned({}, output={"formats": ["gif", "webp", "png"]}, **size).jobs[0]


def publish(job: Job, folder: Path) -> Path:
    frames = np.random.default_rng(0).integers(0, 255, (4, 16, 16, 3)).astype(np.uint8)
    return publish_files(folder, job, frames, {}, {})


@pytest.mark.parametrize("kind", ["gif", "webp", "png", "json"])
def test_what_lost_its_end_is_rendered_again(tmp_path: Path, job: Job, kind: str) -> None:
    with open_folder(tmp_path) as ledger:
        ledger.add([job])
        ledger.ended(Result(job, publish(job, tmp_path)))
        assert standing([job], tmp_path, ledger).done == 1
        beside = files(tmp_path, job)[kind]
        beside.write_bytes(beside.read_bytes()[:-9])
        later = beside.stat().st_mtime + 60
        os.utime(beside, (later, later))
        assert standing([job], tmp_path, ledger).why == {"damaged": 1}
        assert glance([job], tmp_path).why == {"damaged": 1}


@pytest.mark.parametrize("kind", ["gif", "webp", "png", "json"])
def test_it_is_not_taken_in_either(tmp_path: Path, job: Job, kind: str) -> None:
    """By a ledger that knows nothing of it."""
    with open_folder(tmp_path) as ledger:
        publish(job, tmp_path)
        beside = files(tmp_path, job)[kind]
        whole = beside.read_bytes()
        beside.write_bytes(whole[:-9])
        assert standing([job], tmp_path, ledger).done == 0
        beside.write_bytes(whole)
        assert standing([job], tmp_path, ledger).done == 1


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png", "a.json"])
def test_an_empty_file_is_not_whole(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    assert not ends_well(path)
    path.touch()
    assert not ends_well(path)
