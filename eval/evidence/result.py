"""What an evidence finds. It is JSON first; the plot and the page are made from the JSON."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from w2sd_video.render.errors import InputError

from .measured import Measured, Strict
from .panels import Row
from .wording import p_told, signed

HOLDS, REFUTED, OPEN = "holds", "refuted", "open"
LEVEL = 0.05  # a p below it decides
DIGITS = 5  # that JSON keeps of a number

Expected = Literal["above", "below", "within"]


class Claim(Strict):
    """A sentence that a measured row supports or refutes.

    It holds where the whole 95 % interval of ``measured`` is where ``expected`` says: above or
    below ``bound``, or within ± ``bound``. It is refuted where the whole interval is elsewhere,
    and open where the interval has a part on each side. Where it has a p, it is open also if that
    is not below ``LEVEL``.

    Attributes:
        row: what was measured, in the words of the tables: "exact − strong".
        p: two-sided, of the bound, corrected for a study's other claims; None where the interval
            alone decides.
    """

    text: str
    row: str
    measured: Measured
    expected: Expected
    bound: float = 0.0
    p: float | None = None

    @property
    def verdict(self) -> str:
        return self.by_interval if self.p is None or self.p < LEVEL else OPEN

    @property
    def by_interval(self) -> str:
        """The verdict, were there no p."""
        low, high = self.measured.low, self.measured.high
        if low is None or high is None:
            return OPEN
        if self.expected == "within":
            inside = -self.bound < low and high < self.bound
            outside = high <= -self.bound or low >= self.bound
        else:
            inside, outside = high < self.bound, low >= self.bound
            if self.expected == "above":
                inside, outside = low > self.bound, high <= self.bound
        return HOLDS if inside else REFUTED if outside else OPEN

    @property
    def found(self) -> str:
        """What was measured, and p."""
        return f"{self.measured}" + (f", {p_told(self.p)}" if self.p is not None else "")

    @property
    def refuted_by(self) -> str:
        """The measurement that would have refuted it."""
        bound = signed(f"{self.bound:g}")
        if self.expected == "within":
            return f"{bound} or more either way"
        return f"{bound} or {'less' if self.expected == 'above' else 'more'}"


@dataclass(frozen=True)
class Hypothesis:
    """A claim about the difference ``a − b`` of two settings, made before either was seen.

    Studies add by what it is measured.
    """

    text: str
    a: str
    b: str
    expected: Expected = "above"
    bound: float = 0.0

    def claim(
        self, row: str, measured: Measured, p: Callable[[float], float] = lambda mean: math.nan
    ) -> Claim:
        """Of what was measured.

        Args:
            p: two-sided, of a mean that is this number; NaN where there is none.
        """
        # To be within two bounds is to be on the inner side of both: the larger p decides.
        bounds = (-self.bound, self.bound) if self.expected == "within" else (self.bound,)
        value = max(map(p, bounds))
        return Claim(
            text=self.text,
            row=row,
            measured=measured,
            expected=self.expected,
            bound=self.bound,
            p=None if math.isnan(value) else value,
        )


class Table(Strict):
    """Rows of a label and one cell per column; ``note`` says what the figures are."""

    note: str
    columns: list[str]
    rows: list[tuple[str, list[Measured | str]]]


class Made(Strict):
    """How a result came about."""

    command: str
    seed: int
    seconds: float
    cpu_seconds: float
    versions: dict[str, str]
    machine: str


class Result(Strict):
    """All that is known of one evidence.

    Attributes:
        about: what was done, and with which figure of the paper it belongs; Markdown.
        figure: the plot's panels, row by row.
        caption: what the plot shows, for those who can't see it.
        remarks: what does not hold, or hurts, or was not looked at.
        made: None until the command has filled it in.
        clips: what it was reckoned from, an ``embedded.record.Record``, where that is kept; it
            has a file of its own.
    """

    name: str
    title: str
    about: str
    claims: list[Claim]
    tables: list[Table]
    figure: list[Row]
    caption: str
    remarks: list[str] = Field(default_factory=list)
    made: Made | None = None
    clips: Any = Field(default=None, exclude=True, repr=False)

    def json_value(self) -> dict[str, Any]:
        """For ``json.dumps``: numbers rounded, verdicts spelled out."""
        value: dict[str, Any] = _rounded(self.model_dump())
        for claim, told in zip(self.claims, value["claims"], strict=True):
            told["verdict"], told["refuted_by"] = claim.verdict, claim.refuted_by
        return value


def read(value: Any, file: Path) -> Result:
    """A result from what JSON held.

    Raises:
        InputError: if it is not one.
    """
    try:
        claims = [
            {k: v for k, v in claim.items() if k not in ("verdict", "refuted_by")}
            for claim in value["claims"]
        ]
        return Result.model_validate({**value, "claims": claims})
    except (ValidationError, TypeError, KeyError, AttributeError):
        raise InputError("is no evidence of this version; make it anew", str(file)) from None


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, dict):
        return {key: _rounded(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(part) for part in value]
    return value
