"""A share of a list, for job arrays: which jobs are whose follows from the jobs alone."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from w2sd_video.render.errors import InputError
from w2sd_video.render.jobs.job import Job


@dataclass(frozen=True)
class Shard:
    """Share number ``index`` of ``count``, from 1."""

    index: int
    count: int

    @classmethod
    def read(cls, text: str) -> Shard:
        """Of ``I/N``.

        Raises:
            InputError: if it is none.
        """
        match = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text.strip())
        if not match or not 1 <= int(match[1]) <= int(match[2]):
            raise InputError(f"must be I/N with I from 1 to N, got '{text}'", "--shard")
        return cls(int(match[1]), int(match[2]))

    @property
    def suffix(self) -> str:
        """Of the names of its own files."""
        return f"-{self.index}{self.total}"

    @property
    def total(self) -> str:
        """What the names of all shares of its kind end with."""
        return f"-of-{self.count}"

    def of(self, jobs: Iterable[Job]) -> list[Job]:
        """Its jobs; a clip and its plain twin are always in one."""
        return [job for job in jobs if int(job.pair[:15], 16) % self.count == self.index - 1]
