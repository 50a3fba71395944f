"""What has become of scores, one by one and together."""

from __future__ import annotations

from dataclasses import dataclass, field

from w2sd_video.eval.images.pictures import Picture
from w2sd_video.eval.images.scores import Kind
from w2sd_video.eval.vbench.errors import EvaluationError


@dataclass
class Outcome:
    """What has become of one score.

    Attributes:
        values: by side, the mean over images or the set's value, and of how many images; empty if
            there is none.
        scored, kept: images, or sets, that were scored now, and that had a score.
        reasons: why there is no value, a line each.
        notes: what a person should know of the values.
        code: the exit code, 0 if it is scored.
    """

    kind: Kind
    values: dict[str, tuple[float, int]] = field(default_factory=dict)
    scored: int = 0
    kept: int = 0
    reasons: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    code: int = 0

    def fail(self, error: EvaluationError) -> None:
        """There will be no value."""
        self.code = error.code
        self.reasons.append(" ".join(str(error).split()))


@dataclass(frozen=True)
class Report:
    """What has become of all of them."""

    pictures: list[Picture]
    outcomes: list[Outcome]

    @property
    def sides(self) -> list[str]:
        return sorted({picture.side for picture in self.pictures})

    @property
    def code(self) -> int:
        """The first one's that is not scored."""
        return next((outcome.code for outcome in self.outcomes if outcome.code), 0)
