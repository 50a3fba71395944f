"""What one model has to do, and with what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from w2sd_video.eval.images import sets
from w2sd_video.eval.images.outcome import Outcome
from w2sd_video.eval.images.pictures import Picture
from w2sd_video.eval.images.scores import Kind
from w2sd_video.eval.results import Results

Say = Callable[[str], None]


@dataclass(frozen=True)
class Task:
    """The scores of one model, which share what it sees.

    Attributes:
        place: the model's folder.
        source: who says it, but for the reference and the prompt, see ``said_by``.
    """

    place: Path
    outcomes: Sequence[Outcome]
    pictures: Sequence[Picture]
    reference: Sequence[Picture]
    results: Results
    source: str
    allow_pickle: bool
    say: Say

    def said_by(self, kind: Kind) -> str:
        """Who says it: scores that compare with other images are told apart by those."""
        if not kind.needs_reference:
            return self.source
        return f"{self.source}, reference {sets.content(self.reference)[4:16]}"
