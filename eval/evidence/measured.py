"""A measured number: its mean, over repetitions or pairs, and the 95 % interval."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict
from w2sd_video.eval.compare.statistics import mean_intervals

from .wording import signed


class Strict(BaseModel):
    """What is read from JSON has these fields and no others."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Measured(Strict):
    """``values`` are the repetitions (of a mean over pairs, see ``paired.py``, none are kept);
    ``low`` and ``high`` are None where there is but one."""

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
