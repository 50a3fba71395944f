"""Student's t-test, for the few repetitions that trainings allow."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np


def p_value(values: Sequence[float], mean: float = 0.0) -> float:
    """Two-sided, of a mean that is this one; NaN of fewer than two values."""
    n = len(values)
    if n < 2:
        return math.nan
    off, spread = float(np.mean(values)) - mean, float(np.std(values, ddof=1))
    if abs(off) <= 1e-12:
        return 1.0
    return 1.0 - _inside(abs(off) / spread * math.sqrt(n) if spread else math.inf, n - 1)


def _inside(t: float, freedom: int) -> float:
    """The probability of less than ``t`` either way: finite sums, for whole degrees of freedom
    (Abramowitz and Stegun 26.7.3 and 26.7.4)."""
    angle = math.atan(t / math.sqrt(freedom))
    cosine, odd = math.cos(angle), freedom % 2
    term, total = (cosine if odd else 1.0), 0.0
    for k in range(odd, freedom - 1, 2):
        total += term
        term *= cosine**2 * (k + 1) / (k + 2)
    total *= math.sin(angle)
    return 2 / math.pi * (angle + total) if odd else total
