"""Paired differences: means, bootstrap intervals, wins, sign-flip tests, Holm's correction.

Pairs with one prompt are not draws of their own: they share how hard it is. So where prompts are
given, they, with all their pairs, are what the bootstrap draws and whose differences a test gives
the other sign. Estimates are means over pairs all the same.

Everything is drawn from one fixed seed, so the same clips give the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from scipy.stats import t as student

Array = NDArray[np.float64]
Interval = tuple[float, float]

LEVEL = 0.95
RESAMPLES = 10_000
FLIPS = 20_000
SEED = 0
EXACT = 14  # with so few pairs that differ, all 2^n flips are tried
CHUNK = 4_000_000  # numbers held at once

QUANTILE = 0.5 + LEVEL / 2


@dataclass(frozen=True)
class Paired:
    """How a column compares with the reference on one metric, over ``n`` pairs that have both.

    ``difference`` is column − reference in the metric's own unit, and ``interval`` its 95 %
    interval, None for fewer than two pairs. ``wins`` count pairs in which the column is better,
    whichever way better is. ``p`` is two-sided; ``p_holm`` is corrected for all tests made.
    Means and p are NaN where ``n`` is 0.
    """

    n: int
    mean: float
    reference_mean: float
    difference: float
    interval: Interval | None
    wins: int
    ties: int
    losses: int
    p: float
    p_holm: float = math.nan

    @property
    def win_rate(self) -> float:
        """The share of pairs won, ties as half; NaN without pairs."""
        return (self.wins + self.ties / 2) / self.n if self.n else math.nan


def compare(
    values: Array,
    reference: Array,
    lower_is_better: Sequence[bool],
    prompts: Sequence[str] | None = None,
) -> list[Paired]:
    """Compare a column with the reference, metric by metric.

    Args:
        values, reference: ``(pairs, metrics)``; NaN where a clip has no score.
        lower_is_better: one for each metric.
        prompts: one for each pair, if they are the draws; else pairs are.
    """
    differences = values - reference
    intervals = mean_intervals(differences, prompts)
    p = sign_flip(differences, prompts)
    found = []
    for k, lower in enumerate(lower_is_better):
        both = np.isfinite(differences[:, k])
        gains = differences[both, k] * (-1 if lower else 1)
        found.append(
            Paired(
                n=int(both.sum()),
                mean=_mean(values[both, k]),
                reference_mean=_mean(reference[both, k]),
                difference=_mean(differences[both, k]),
                interval=intervals[k],
                wins=int((gains > 0).sum()),
                ties=int((gains == 0).sum()),
                losses=int((gains < 0).sum()),
                p=p[k],
            )
        )
    return found


def mean_intervals(values: Array, prompts: Sequence[str] | None = None) -> list[Interval | None]:
    """95 % bootstrap intervals of the means of columns, over the rows where they are finite.

    Percentiles of resampled means, widened about the mean by √(n/(n−1)) · t/z: resamples spread
    too little where n is small, and so normal data are covered as by Student's t.

    Args:
        values: ``(rows, columns)``.
        prompts: one for each row, if they are the draws; else rows are.
    """
    if prompts is not None:
        values = _parts(values, prompts)
    found: list[Interval | None] = [None] * values.shape[1]
    for rows, columns in _alike(values):
        n = len(rows)
        if n < 2:
            continue
        part = values[rows][:, columns]
        means = part.mean(axis=0)
        tail = (1 - LEVEL) / 2
        low, high = np.quantile(_resampled_means(part), [tail, 1 - tail], axis=0)
        wide = math.sqrt(n / (n - 1)) * student.ppf(QUANTILE, n - 1) / norm.ppf(QUANTILE)
        for i, column in enumerate(columns):
            if np.ptp(part[:, i]) == 0:  # exactly, whatever rounding makes of the mean
                found[column] = (float(part[0, i]), float(part[0, i]))
                continue
            ends = means[i] + wide * (low[i] - means[i]), means[i] + wide * (high[i] - means[i])
            found[column] = (float(ends[0]), float(ends[1]))
    return found


def _resampled_means(values: Array) -> Array:
    """``(RESAMPLES, columns)``: means of rows drawn with replacement, the same for all columns."""
    n = len(values)
    rng = np.random.default_rng(SEED)
    means = np.empty((RESAMPLES, values.shape[1]))
    for start, count in _chunks(RESAMPLES, n):
        drawn = rng.integers(0, n, (count, n)) + n * np.arange(count)[:, None]
        times = np.bincount(drawn.ravel(), minlength=count * n).reshape(count, n)
        means[start : start + count] = times @ values / n
    return means


def sign_flip(differences: Array, prompts: Sequence[str] | None = None) -> list[float]:
    """Two-sided p of "the sign of each draw's difference is a coin's", by its mean.

    All flips are tried where few pairs differ; else ``FLIPS`` random ones and the one observed.

    Args:
        differences: ``(pairs, metrics)``; NaN where one of the pair has no score.
        prompts: one for each pair, if they are the draws; else pairs are.

    Returns:
        one p for each metric; NaN where no pair has both scores.
    """
    if prompts is not None:
        sums, counts = _by_prompt(differences, prompts)
        differences = np.where(counts > 0, sums, np.nan)
    found = [math.nan] * differences.shape[1]
    for rows, columns in _alike(differences):
        if not len(rows):
            continue
        part = differences[rows][:, columns]
        few = [i for i in range(len(columns)) if np.count_nonzero(part[:, i]) <= EXACT]
        for i in few:
            found[columns[i]] = _exact(part[part[:, i] != 0, i])
        many = [i for i in range(len(columns)) if i not in few]
        for i, p in zip(many, _random(part[:, many]), strict=True):
            found[columns[i]] = p
    return found


def _parts(values: Array, prompts: Sequence[str]) -> Array:
    """What each prompt adds to the mean over pairs, ``(prompts, columns)``.

    To first order, resampling prompts moves that mean as it does the plain mean of these. With a
    pair for each they are the values.
    """
    sums, counts = _by_prompt(values, prompts)
    known, asked = counts.sum(axis=0), (counts > 0).sum(axis=0)
    each = np.maximum(known, 1)
    mean = sums.sum(axis=0) / each
    return np.where(counts > 0, mean + (sums - counts * mean) * asked / each, np.nan)


def _by_prompt(values: Array, prompts: Sequence[str]) -> tuple[Array, Array]:
    """Sums of the finite values, and how many they are: ``(prompts, columns)`` each."""
    known = np.isfinite(values)
    names, whose = np.unique(np.asarray(prompts, dtype=str), return_inverse=True)
    sums, counts = (np.zeros((len(names), values.shape[1])) for _ in range(2))
    np.add.at(sums, whose, np.where(known, values, 0.0))
    np.add.at(counts, whose, known)
    return sums, counts


def _exact(differences: Array) -> float:
    """Over all 2^n flips. No pair that differs: p is 1."""
    sums = np.zeros(1)
    for d in differences:
        sums = np.concatenate([sums + d, sums - d])
    return float((np.abs(sums) >= _as_far(differences.sum(), np.abs(differences).sum())).mean())


def _random(differences: Array) -> list[float]:
    """Over random flips, the same for all metrics; the observed one counts among them."""
    n, metrics = differences.shape
    if not metrics:
        return []
    far = _as_far(differences.sum(axis=0), np.abs(differences).sum(axis=0))
    rng = np.random.default_rng(SEED)
    reached = np.ones(metrics)
    for _, count in _chunks(FLIPS, n):
        signs = rng.integers(0, 2, (count, n), dtype=np.int8) * 2.0 - 1.0
        reached += (np.abs(signs @ differences) >= far).sum(axis=0)
    return [float(p) for p in reached / (FLIPS + 1)]


def _as_far(total: NDArray[np.float64] | float, scale: NDArray[np.float64] | float) -> Array:
    """From where on a flipped sum counts as far out as the observed one: rounding is no miss."""
    return np.asarray(np.abs(total) - 1e-9 * scale)


def holm(p: Sequence[float]) -> list[float]:
    """Holm's step-down correction: the smallest of m is multiplied by m, the next by m − 1, …

    NaN stands for a test that was not made: it stays, and does not count.
    """
    order = sorted((value, i) for i, value in enumerate(p) if not math.isnan(value))
    corrected = [math.nan] * len(p)
    highest = 0.0
    for rank, (value, i) in enumerate(order):
        highest = max(highest, min(1.0, value * (len(order) - rank)))
        corrected[i] = highest
    return corrected


def corrected(results: Sequence[Paired]) -> list[Paired]:
    """The same results with ``p_holm``, over all of them."""
    pairs = zip(results, holm([r.p for r in results]), strict=True)
    return [replace(result, p_holm=p) for result, p in pairs]


def _alike(values: Array) -> Iterator[tuple[NDArray[np.intp], list[int]]]:
    """Columns that are finite in the same rows, so that draws are made once for them."""
    finite = np.isfinite(values)
    groups: dict[bytes, list[int]] = {}
    for column in range(values.shape[1]):
        groups.setdefault(finite[:, column].tobytes(), []).append(column)
    for columns in groups.values():
        yield np.flatnonzero(finite[:, columns[0]]), columns


def _chunks(total: int, width: int) -> Iterator[tuple[int, int]]:
    """Start and length of parts of ``total`` rows of a width that fit into ``CHUNK``."""
    size = max(1, CHUNK // max(1, width))
    for start in range(0, total, size):
        yield start, min(size, total - start)


def _mean(values: Array) -> float:
    return float(values.mean()) if len(values) else math.nan
