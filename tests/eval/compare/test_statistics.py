"""Statistics against answers that are known."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import t as student
from w2sd_video.eval.compare import statistics
from w2sd_video.eval.compare.statistics import (
    Paired,
    compare,
    corrected,
    holm,
    mean_intervals,
    sign_flip,
)

NAN = math.nan


def column(*values: float) -> np.ndarray:
    return np.array(values, float)[:, None]


def one(values: np.ndarray, reference: np.ndarray, lower: bool = False) -> Paired:
    return compare(values, reference, [lower])[0]


def test_means_differences_and_wins_by_hand() -> None:
    result = one(column(1, 2, 3, 4), column(0, 2, 4, 1))
    assert (result.n, result.mean, result.reference_mean, result.difference) == (4, 2.5, 1.75, 0.75)
    assert (result.wins, result.ties, result.losses) == (2, 1, 1)
    assert result.win_rate == 0.625  # a tie is half a win


def test_lower_may_be_better() -> None:
    result = one(column(1, 2, 3), column(2, 2, 2), lower=True)
    assert (result.wins, result.ties, result.losses) == (1, 1, 1)
    assert one(column(1), column(2), lower=True).wins == 1
    assert one(column(1), column(2), lower=True).difference == -1  # in the metric's own unit


def test_what_is_missing_on_one_side_does_not_count() -> None:
    result = one(column(1, NAN, 3, 5), column(0, 7, NAN, 3))
    assert (result.n, result.mean, result.reference_mean, result.difference) == (2, 3, 1.5, 1.5)
    assert result.wins == 2


Draw = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]


@pytest.mark.parametrize("values", [(), (NAN, NAN)], ids=["no pairs", "nothing scored"])
def test_nothing_to_compare(values: tuple[float, ...]) -> None:
    result = one(column(*values), column(*values))
    assert result.n == 0
    assert result.interval is None
    unknown = (result.mean, result.difference, result.win_rate, result.p)
    assert all(math.isnan(value) for value in unknown)


def test_one_pair_has_a_difference_and_no_interval() -> None:
    result = one(column(3), column(1))
    assert (result.n, result.difference, result.interval, result.p) == (1, 2, None, 1.0)


def test_equal_in_every_pair() -> None:
    result = one(column(*[0.1] * 30), column(*[0.1] * 30))
    assert (result.difference, result.interval, result.p) == (0, (0, 0), 1.0)
    assert (result.win_rate, result.ties) == (0.5, 30)


def test_the_same_difference_in_every_pair() -> None:
    result = one(column(*[0.75] * 20), column(*[0.5] * 20))
    assert result.interval == (0.25, 0.25)
    assert result.p == pytest.approx(1 / (statistics.FLIPS + 1), abs=1e-3)


def test_few_pairs_are_flipped_in_all_ways() -> None:
    # Of 2^3 sums only +++ and --- are as far out; with 1, 1, -2 all of them are.
    assert sign_flip(column(1, 2, 3)) == [0.25]
    assert sign_flip(column(1, 1, -2)) == [1.0]
    assert sign_flip(column(0.1, 0.2, 0.3, 0, 0)) == [0.25]  # ties have no sign


def test_random_flips_agree_with_all_flips(monkeypatch: pytest.MonkeyPatch) -> None:
    differences = np.random.default_rng(3).normal(0.4, 1, (12, 3))
    exact = sign_flip(differences)
    monkeypatch.setattr(statistics, "EXACT", 0)
    assert sign_flip(differences) == pytest.approx(exact, abs=0.01)


def test_a_metric_has_its_own_p_whatever_stands_beside_it() -> None:
    rng = np.random.default_rng(5)
    differences = rng.normal(0.2, 1, (40, 3))
    differences[3, 1] = NAN
    together = sign_flip(differences)
    assert together == [sign_flip(differences[:, [k]])[0] for k in range(3)]
    ends = mean_intervals(differences)
    alone = [mean_intervals(differences[:, [k]])[0] for k in range(3)]
    assert np.allclose(np.array(ends), np.array(alone))


@pytest.mark.parametrize(
    ("p", "expected"),
    [
        ([0.01, 0.04, 0.03], [0.03, 0.06, 0.06]),  # 3 · 0.01, then 2 · 0.03, and no less than that
        ([0.5, 0.6], [1.0, 1.0]),
        ([0.01, NAN, 0.02], [0.02, NAN, 0.02]),  # what was not tested costs nothing
        ([], []),
    ],
)
def test_holm_by_hand(p: list[float], expected: list[float]) -> None:
    assert holm(p) == pytest.approx(expected, nan_ok=True)


def test_results_are_corrected_together() -> None:
    results = compare(np.ones((8, 2)), np.zeros((8, 2)), [False, False])
    assert [r.p for r in results] == [2 / 2**8] * 2
    assert [r.p_holm for r in corrected(results)] == [4 / 2**8] * 2


@pytest.mark.parametrize("n", [5, 12, 60])
def test_intervals_of_normal_data_are_as_wide_as_students(n: int) -> None:
    values = np.random.default_rng(n).normal(0, 1, (n, 40))
    ends = np.array(mean_intervals(values))
    half = student.ppf(0.975, n - 1) * values.std(axis=0, ddof=1) / math.sqrt(n)
    ratio = (ends[:, 1] - ends[:, 0]) / (2 * half)
    assert abs(ratio.mean() - 1) < 0.06


@pytest.mark.parametrize(
    ("n", "draw"),
    [
        (8, lambda rng, size: rng.normal(0, 1, size)),
        (30, lambda rng, size: rng.exponential(1, size) - 1),
        (60, lambda rng, size: rng.choice([-1.0, 0, 1], size, p=[0.2, 0.6, 0.2])),
    ],
    ids=["normal", "skewed", "binary"],
)
def test_intervals_cover_the_truth(n: int, draw: Draw, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 1000 experiments about 95 % have the true mean, 0, in their interval."""
    monkeypatch.setattr(statistics, "RESAMPLES", 2000)
    values = draw(np.random.default_rng(1), (n, 1000))
    ends = np.array(mean_intervals(values))
    covered = ((ends[:, 0] <= 0) & (ends[:, 1] >= 0)).mean()
    assert 0.92 <= covered <= 0.98


def test_p_is_no_smaller_than_chance_has_it() -> None:
    """Where there is no difference, 5 % of p are below 0.05."""
    values = np.random.default_rng(2).normal(0, 1, (25, 1000))
    assert 0.03 <= (np.array(sign_flip(values)) < 0.05).mean() <= 0.07


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(4).normal(0, 1, (50, 2))
    whole = mean_intervals(values), sign_flip(values)
    monkeypatch.setattr(statistics, "CHUNK", 7_000)
    assert np.allclose(np.array(mean_intervals(values)), np.array(whole[0]), atol=0.02)
    assert sign_flip(values) == pytest.approx(whole[1], abs=0.01)


def test_the_same_clips_give_the_same_numbers() -> None:
    values = np.random.default_rng(6).normal(0, 1, (30, 2))
    reference = np.zeros_like(values)
    assert compare(values, reference, [False] * 2) == compare(values, reference, [False] * 2)


def test_pairs_of_one_prompt_are_one_draw() -> None:
    """Ten pairs that agree are ten draws by themselves, and two if they have two prompts."""
    differences = np.array([1.0] * 5 + [2.0] * 5)[:, None]
    prompts = ["a"] * 5 + ["b"] * 5
    by_pair, by_prompt = (
        compare(differences, 0 * differences, [False], names)[0] for names in (None, prompts)
    )
    assert by_pair.difference == by_prompt.difference == 1.5
    assert (by_pair.p, by_prompt.p) == (2 / 2**10, 2 / 2**2)
    (low, high), (wide_low, wide_high) = by_pair.interval, by_prompt.interval
    assert wide_low < low < high < wide_high
    with_one_each = compare(differences, 0 * differences, [False], [*map(str, range(10))])[0]
    assert (with_one_each.p, with_one_each.interval) == (by_pair.p, by_pair.interval)
