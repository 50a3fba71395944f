"""Means over pairs of a prompt and a seed, of which several may have one caption.

Captions are what is drawn (``eval/compare/statistics.py``).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from w2sd_video.eval.compare.statistics import mean_intervals, sign_flip

from .measured import Measured

Array = NDArray[np.float64]


def means(values: Array, captions: Sequence[str]) -> list[Measured | None]:
    """Of each column, over the rows where it is finite; None where it never is.

    Args:
        values: ``(pairs, columns)``; they are many, and the means do not keep them.
    """
    known = np.isfinite(values)
    counts = known.sum(axis=0)
    found = np.where(known, values, 0.0).sum(axis=0) / np.maximum(counts, 1)
    return [
        Measured(values=[], mean=float(mean), low=ends[0], high=ends[1]) if count else None
        for mean, count, interval in zip(
            found, counts, mean_intervals(values, captions), strict=True
        )
        for ends in [interval or (None, None)]
    ]


def mean(values: Array, captions: Sequence[str]) -> Measured:
    """Of ``(pairs,)``, of which one is finite at least."""
    [found] = means(values[:, None], captions)
    assert found is not None
    return found


def p_values(differences: Array, captions: Sequence[str]) -> list[float]:
    """Two-sided p of "the sign of each caption's differences is a coin's", for each column."""
    return sign_flip(differences, captions)


def p_value(differences: Array, captions: Sequence[str]) -> float:
    """Of ``(pairs,)``."""
    return p_values(differences[:, None], captions)[0]
