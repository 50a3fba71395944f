"""A share of a list, for job arrays: which jobs are whose follows from the list alone.

Not from ids, which know the weights by the times of their files: nodes that have copies of their
own would deal the list out differently.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from w2sd_video.render.errors import InputError
from w2sd_video.render.jobs.identity import canonical, identity
from w2sd_video.render.jobs.job import Job, Settings
from w2sd_video.render.media import inputs
from w2sd_video.render.settings.config import OWN

# The model's paths may differ between nodes as its times may; of a reflected clip and its plain
# twin, reflection does. The rest makes no other clip, or hardly.
NOT_DEALT_BY = {*OWN, "samples", "model", "reflection", "retries", "memory", "output"}


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
        known: dict[int, str] = {}  # by settings, which many jobs share

        def number(job: Job) -> int:
            shared = id(job.settings)
            if shared not in known:
                known[shared] = _digest(job.settings)
            return int(identity(known[shared], job.own)[:15], 16)

        return [job for job in jobs if number(job) % self.count == self.index - 1]


def _digest(settings: Settings) -> str:
    """The sha256 of what a clip and its plain twin have in common on every node."""
    said = settings.config.model_dump(mode="json", exclude=NOT_DEALT_BY)
    for key in inputs.KEYS:  # wherever they lie
        said[key] = said[key] and inputs.fingerprint(said[key])
    return hashlib.sha256(canonical(said).encode()).hexdigest()
