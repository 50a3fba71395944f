"""What is told of a folder while a run is under way, after it, and after it was killed."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from rich.console import Console

from w2sd_video.render.jobs.job import Job
from w2sd_video.render.jobs.shards import Shard
from w2sd_video.render.record.folder import open_folder
from w2sd_video.render.record.ledger import Ledger
from w2sd_video.render.reporting.status import report


def told(folder: Path) -> list[str]:
    console = Console(width=100)
    with console.capture() as captured:
        for part in report(folder):
            console.print(part)
    return [" ".join(line.split()) for line in captured.get().splitlines()]


def test_running_means_that_someone_renders(tmp_path: Path, jobs: list[Job]) -> None:
    me = f"process {os.getpid()} on {socket.gethostname()}"
    with open_folder(tmp_path) as ledger:
        ledger.add(jobs)
        ledger.start(jobs[:1])
        assert told(tmp_path)[1:] == ["running 1", "queued 3", f"rendering now: {me}"]
    # No run ends with clips that are running, unless it is killed.
    assert told(tmp_path)[1:] == ["interrupted 1", "queued 3", "no render is under way"]


def test_a_share_that_was_killed_beside_one_that_renders(tmp_path: Path, jobs: list[Job]) -> None:
    for index in (1, 2):
        with Ledger(tmp_path / f"ledger-{index}-of-2.sqlite") as ledger:
            ledger.add(jobs[index : index + 1])
            ledger.start(jobs[index : index + 1])
    with open_folder(tmp_path, Shard(1, 2)):
        lines = told(tmp_path)
    assert lines[1:3] == ["running 1", "interrupted 1"]
    assert lines[3].startswith("rendering now: process ")


def test_a_folder_whose_lock_can_not_be_looked_at(tmp_path: Path, jobs: list[Job]) -> None:
    with open_folder(tmp_path) as ledger:
        ledger.add(jobs)
        ledger.start(jobs)
    (tmp_path / ".lock").unlink()
    (tmp_path / ".lock").mkdir()
    assert told(tmp_path)[1:] == [
        "running 4",
        "whether a render is under way can't be told on this file system",
    ]
