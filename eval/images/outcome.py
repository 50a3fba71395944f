"""What has become of scores, one by one and together."""

from __future__ import annotations

from dataclasses import dataclass, field

from w2sd_video.eval.errors import EvaluationError
from w2sd_video.eval.images.pictures import Picture
from w2sd_video.eval.images.scores import Kind
from w2sd_video.eval.outcome import Outcome as AnyOutcome
from w2sd_video.eval.outcome import code_of

from w2sd_video.render.errors import OK, SOME_FAILED


@dataclass
class Outcome(AnyOutcome):
    """What has become of one score."""

    kind: Kind

    def fail(self, error: EvaluationError) -> None:
        """There will be no value."""
        self.code = error.code
        self.reasons.append(" ".join(str(error).split()))


@dataclass(frozen=True)
class Report:
    """What has become of all of them.

    Attributes:
        left_out: images that can't be read, and why, a line each.
    """

    pictures: list[Picture]
    outcomes: list[Outcome]
    left_out: list[str] = field(default_factory=list)

    @property
    def sides(self) -> list[str]:
        return sorted({picture.side for picture in self.pictures})

    @property
    def code(self) -> int:
        return code_of(self.outcomes) or (SOME_FAILED if self.left_out else OK)
