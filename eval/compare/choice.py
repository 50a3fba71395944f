"""Which pairs a report shows: the largest gains, the largest losses, and some at random."""

from __future__ import annotations

import numpy as np

from .comparison import Comparison
from .statistics import SEED, Array

GAIN, LOSS, RANDOM = "largest gain", "largest loss", "random"


def choose(comparison: Comparison, limit: int, column: int = 1) -> dict[int, str]:
    """Which pairs to show, by number, and why; in the order of the list.

    All of them, if there are no more than ``limit``; a third each otherwise. Without scores all
    are drawn at random.

    Args:
        column: whose gains count.
    """
    total = len(comparison.pairs)
    if total <= limit:
        return dict.fromkeys(range(total), "")
    chosen: dict[int, str] = {}
    gains = overall(comparison, column)
    order = [int(i) for i in np.argsort(gains, kind="stable") if np.isfinite(gains[i])]
    third = limit // 3
    chosen |= {i: GAIN for i in order[::-1][:third] if gains[i] > 0}
    chosen |= {i: LOSS for i in order[:third] if gains[i] < 0}
    rest = [i for i in range(total) if i not in chosen]
    drawn = np.random.default_rng(SEED).permutation(len(rest))[: limit - len(chosen)]
    chosen |= {rest[int(i)]: RANDOM for i in drawn}
    return dict(sorted(chosen.items()))


def overall(comparison: Comparison, column: int) -> Array:
    """Each pair's gain on all metrics together, ``(pairs,)``; NaN where nothing is scored.

    The mean of gains, each in units of its metric's spread over pairs.
    """
    total = np.zeros(len(comparison.pairs))
    count = np.zeros(len(comparison.pairs))
    for k in range(len(comparison.metrics)):
        gains = comparison.gains(k)[column - 1]
        known = np.isfinite(gains)
        spread = gains[known].std() if known.any() else 0.0
        if spread > 0:
            total[known] += gains[known] / spread
            count[known] += 1
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
