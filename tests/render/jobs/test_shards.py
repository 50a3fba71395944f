"""Shares of a list: all of it once, and pairs together."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from w2sd_video.render.errors import InputError
from w2sd_video.render.jobs.job import Job
from w2sd_video.render.jobs.plan import plan
from w2sd_video.render.jobs.shards import Shard
from w2sd_video.render.settings.layers import Layer

from ..rows import BASE, planned


def test_every_job_is_in_one_share_with_its_twin() -> None:
    found = planned(*({"prompt": f"ring {i}"} for i in range(40)), baseline=True).jobs
    shares = [Shard(i, 3).of(found) for i in (1, 2, 3)]
    assert sorted(job.id for share in shares for job in share) == sorted(job.id for job in found)
    assert all(10 < len(share) < 45 for share in shares)
    for share in shares:
        assert len({job.pair for job in share}) * 2 == len(share)
    assert Shard(1, 1).of(found) == found


def test_nodes_with_copies_of_the_weights_deal_alike(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "unet.safetensors").write_bytes(b"weights")
    shutil.copytree(tmp_path / "1", tmp_path / "2")
    os.utime(tmp_path / "2" / "unet.safetensors", (7, 7))

    def jobs(node: str) -> list[Job]:
        rows = [Layer({"prompt": "a ring", "seed": i}, "l", {(): i}) for i in range(30)]
        swept = [Layer({"fps": fps}, "--sweep") for fps in (4, 8)]
        return plan([Layer(BASE | {"model": str(tmp_path / node)}, "f")], rows, True, swept).jobs

    def shares(node: str) -> list[set[tuple[int, float, str]]]:
        found = jobs(node)
        return [
            {(job.seed, job.config.frame_rate, job.kind) for job in Shard(i, 3).of(found)}
            for i in (1, 2, 3)
        ]

    assert jobs("1")[0].id != jobs("2")[0].id
    assert shares("1") == shares("2")
    assert all(shares("1"))
    assert len(set.union(*shares("1"))) == sum(map(len, shares("1"))) == 120


def test_clips_that_differ_in_settings_only_are_shared_out() -> None:
    found = planned(*({"fps": 1 + i} for i in range(40)), baseline=True).jobs
    assert all(10 < len(Shard(i, 3).of(found)) < 45 for i in (1, 2, 3))


@pytest.mark.parametrize("text", ["", "3", "0/3", "4/3", "1/0", "-1/3", "a/b", "1/3/5"])
def test_what_is_no_share(text: str) -> None:
    with pytest.raises(InputError, match="--shard: must be I/N with I from 1 to N"):
        Shard.read(text)
    assert Shard.read(" 2/3 ") == Shard(2, 3)
