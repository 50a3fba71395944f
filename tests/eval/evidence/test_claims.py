"""Measured numbers, and the verdicts on what is claimed of them."""

from __future__ import annotations

import pytest
from w2sd_video.eval.evidence.measured import Measured
from w2sd_video.eval.evidence.result import HOLDS, OPEN, REFUTED, Claim

from .made_up import BAD, GOOD


def claim(values: list[float], expected: str, bound: float = 0.0) -> Claim:
    return Claim(text="", row="", measured=Measured.of(values), expected=expected, bound=bound)


@pytest.mark.parametrize(
    ("values", "expected", "bound", "verdict"),
    [
        ([-0.3, -0.2, -0.25], "below", 0, HOLDS),
        ([-0.3, 0.3, 0.0], "below", 0, OPEN),
        ([0.3, 0.2, 0.25], "below", 0, REFUTED),
        ([0.0, 0.0, 0.0], "below", 0, REFUTED),  # no difference is no gain
        ([0.0, 0.0, 0.0], "above", 0, REFUTED),
        ([0.3, 0.2, 0.25], "above", 0, HOLDS),
        ([0.3, 0.2, 0.25], "above", 0.5, REFUTED),
        ([0.01, -0.01, 0.0], "within", 0.05, HOLDS),
        ([0.01, -0.01, 0.0], "within", 0.01, OPEN),
        ([-0.3, -0.31, -0.32], "within", 0.05, REFUTED),
        ([0.3, 0.31, 0.32], "within", 0.05, REFUTED),
        ([-0.3], "below", 0, OPEN),  # one repetition shows nothing
    ],
)
def test_verdicts(values: list[float], expected: str, bound: float, verdict: str) -> None:
    assert claim(values, expected, bound).verdict == verdict


def test_what_would_refute_is_the_other_side() -> None:
    assert claim([1, 2], "below").refuted_by == "0 or more"
    assert claim([1, 2], "above", -0.5).refuted_by == "−0.5 or less"
    assert claim([1, 2], "within", 0.02).refuted_by == "0.02 or more either way"


def test_differences_are_paired_by_repetition() -> None:
    a, b = Measured.of([1.0, 2.0, 3.0]), Measured.of([0.5, 1.5, 2.5])
    assert a.minus(b).values == [0.5, 0.5, 0.5]
    assert (a.minus(b).low, a.minus(b).high) == (0.5, 0.5)
    assert GOOD.minus(BAD).mean == pytest.approx(-0.19)


def test_numbers_are_told_with_their_intervals() -> None:
    assert str(Measured.of([0.1, 0.1, 0.1])) == "0.100 ± 0.000"
    assert str(Measured.of([-0.25])) == "−0.250"
    assert str(Measured.of([-0.0001])) == "0.000"
    assert str(GOOD.minus(BAD)).startswith("−0.190 ± 0.0")
