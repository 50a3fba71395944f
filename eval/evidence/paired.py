"""Means over pairs of a prompt and a seed, of which several may have one caption.

Pairs with one caption are not draws of their own: they share how hard it is. So captions, with
all their pairs, are what the bootstrap draws, and whose differences a test gives the other sign.
Estimates are means over pairs all the same.
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
    sums, counts = _by_caption(values, captions)
    known, asked = counts.sum(axis=0), (counts > 0).sum(axis=0)
    mean = sums.sum(axis=0) / np.maximum(known, 1)
    # What each caption adds to the mean over pairs: to first order, resampling captions moves
    # that mean as it does the plain mean of these. With a pair for each they are the values.
    parts = mean + (sums - counts * mean) * asked / np.maximum(known, 1)
    intervals = mean_intervals(np.where(counts > 0, parts, np.nan))
    return [
        Measured(values=[], mean=float(m), low=ends[0], high=ends[1]) if n else None
        for m, n, found in zip(mean, known, intervals, strict=True)
        for ends in [found or (None, None)]
    ]


def mean(values: Array, captions: Sequence[str]) -> Measured:
    """Of ``(pairs,)``, of which one is finite at least."""
    [found] = means(values[:, None], captions)
    assert found is not None
    return found


def p_values(differences: Array, captions: Sequence[str]) -> list[float]:
    """Two-sided p of "the sign of each caption's differences is a coin's", for each column."""
    sums, counts = _by_caption(differences, captions)
    return sign_flip(np.where(counts > 0, sums, np.nan))


def p_value(differences: Array, captions: Sequence[str]) -> float:
    """Of ``(pairs,)``."""
    return p_values(differences[:, None], captions)[0]


def _by_caption(values: Array, captions: Sequence[str]) -> tuple[Array, Array]:
    """Sums of the finite values, and how many they are: ``(captions, columns)`` each."""
    known = np.isfinite(values)
    names, whose = np.unique(np.asarray(captions, dtype=str), return_inverse=True)
    sums, counts = (np.zeros((len(names), values.shape[1])) for _ in range(2))
    np.add.at(sums, whose, np.where(known, values, 0.0))
    np.add.at(counts, whose, known)
    return sums, counts
