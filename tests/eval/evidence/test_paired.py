"""Captions are the draws: pairs that share one say less than as many that do not."""

from __future__ import annotations

import numpy as np
import pytest
from w2sd_video.eval.compare.statistics import mean_intervals, sign_flip
from w2sd_video.eval.evidence.paired import mean, means, p_value, p_values

RNG = np.random.default_rng(0)
VALUES = RNG.normal(0.4, 1.0, (40, 3))
OWN = [f"caption {i}" for i in range(len(VALUES))]


def test_with_a_caption_for_each_pair_it_is_the_ordinary_bootstrap_and_test() -> None:
    expected = mean_intervals(VALUES[np.argsort(OWN)])
    for found, ends, plain in zip(means(VALUES, OWN), expected, VALUES.mean(0), strict=True):
        assert found is not None
        assert ends is not None
        assert found.mean == pytest.approx(plain)
        assert (found.low, found.high) == pytest.approx(ends)
    assert p_values(VALUES, OWN) == pytest.approx(sign_flip(VALUES[np.argsort(OWN)]))


def test_the_same_pair_over_and_over_tells_nothing_new() -> None:
    once, often = VALUES[:, 0], VALUES[:, 0].repeat(12)
    captions = np.repeat(OWN, 12).tolist()
    one, many = mean(once, OWN), mean(often, captions)
    assert (many.mean, many.low, many.high) == pytest.approx((one.mean, one.low, one.high))
    assert p_value(often, captions) == pytest.approx(p_value(once, OWN))
    apart = [f"caption {i}" for i in range(len(often))]  # as if they were draws of their own
    assert p_value(often, apart) < 0.1 * p_value(once, OWN)
    wide = mean(often, apart)
    assert wide.low is not None
    assert one.low is not None
    assert wide.low > one.low + 0.1


def test_the_estimate_is_the_mean_over_pairs_however_many_a_caption_has() -> None:
    values, captions = np.array([1.0, 1.0, 1.0, 0.0]), ["a", "a", "a", "b"]
    assert mean(values, captions).mean == 0.75


def test_intervals_cover_the_truth_where_captions_differ_in_size_and_in_difficulty() -> None:
    rng = np.random.default_rng(1)
    sizes = [12] * 22 + [1] * 256
    captions = [str(i) for i, size in enumerate(sizes) for _ in range(size)]
    covered = []
    for _ in range(60):
        hard = np.repeat(rng.normal(0, 1, len(sizes)), sizes)
        found = mean(hard + rng.normal(0, 1, len(hard)), captions)
        assert found.low is not None
        assert found.high is not None
        covered.append(found.low <= 0 <= found.high)
    assert np.mean(covered) >= 0.88


def test_what_is_not_measured_is_left_out() -> None:
    values = np.array([[1.0, np.nan], [3.0, np.nan], [np.nan, np.nan]])
    known, nothing = means(values, ["a", "b", "c"])
    assert known is not None
    assert known.mean == 2.0
    assert nothing is None
    few, none = p_values(values, ["a", "b", "c"])
    assert few == 0.5
    assert np.isnan(none)


def test_no_difference_is_exactly_none() -> None:
    found = mean(np.zeros(9), list("aaabbbccc"))
    assert (found.mean, found.low, found.high) == (0, 0, 0)
    assert p_value(np.zeros(9), list("aaabbbccc")) == 1
