"""A measured number: its mean over repetitions with other seeds, and the 95 % interval."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict
from w2sd_video.eval.compare.statistics import mean_intervals

NOTHING = "–"  # in a table, where there is nothing to measure


class Strict(BaseModel):
    """What is read from JSON has these fields and no others."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Measured(Strict):
    """``values`` are the repetitions; ``low`` and ``high`` are None where there is but one."""

    values: list[float]
    mean: float
    low: float | None
    high: float | None

    @classmethod
    def of(cls, values: Sequence[float]) -> Measured:
        """The mean of at least one value, and its interval."""
        found = mean_intervals(np.asarray(values, dtype=np.float64)[:, None])[0]
        low, high = found or (None, None)
        return cls(values=list(values), mean=math.fsum(values) / len(values), low=low, high=high)

    def minus(self, other: Measured) -> Measured:
        """The difference, paired by repetition: the same seeds, in the same order."""
        return Measured.of([a - b for a, b in zip(self.values, other.values, strict=True)])

    def __str__(self) -> str:
        """``0.134 ± 0.002``, the wider half of the interval; as many digits as it deserves."""
        if self.low is None or self.high is None:
            return signed(f"{self.mean:.3f}")
        half = max(self.high - self.mean, self.mean - self.low)
        digits = 4 if 1e-6 < half < 0.0005 else 3
        return signed(f"{self.mean:.{digits}f} ± {half:.{digits}f}")


def signed(text: str) -> str:
    """With a true minus sign, and none before a zero."""
    minus = text.startswith("-") and text.partition(" ")[0].strip("-0.") != ""
    return ("−" if minus else "") + text.lstrip("-")


def p_told(p: float) -> str:
    """``p .012``."""
    return "p < .001" if p < 0.001 else f"p {p:.3f}".replace(" 0.", " .")


def listed(values: Iterable[float]) -> str:
    """``0.5, 1, 2``."""
    return ", ".join(f"{value:g}" for value in values)
