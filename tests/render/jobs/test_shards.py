"""Shares of a list: all of it once, and pairs together."""

from __future__ import annotations

import pytest

from w2sd_video.render.errors import InputError
from w2sd_video.render.jobs.shards import Shard

from ..rows import planned


def test_every_job_is_in_one_share_with_its_twin() -> None:
    found = planned(*({"prompt": f"ring {i}"} for i in range(40)), baseline=True).jobs
    shares = [Shard(i, 3).of(found) for i in (1, 2, 3)]
    assert sorted(job.id for share in shares for job in share) == sorted(job.id for job in found)
    assert all(10 < len(share) < 45 for share in shares)
    for share in shares:
        assert len({job.pair for job in share}) * 2 == len(share)
    assert Shard(1, 1).of(found) == found


@pytest.mark.parametrize("text", ["", "3", "0/3", "4/3", "1/0", "-1/3", "a/b", "1/3/5"])
def test_what_is_no_share(text: str) -> None:
    with pytest.raises(InputError, match="--shard: must be I/N with I from 1 to N"):
        Shard.read(text)
    assert Shard.read(" 2/3 ") == Shard(2, 3)
