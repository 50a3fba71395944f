"""Verdicts are by the corrected p, and what it takes away is told."""

from __future__ import annotations

import math

import pytest
from w2sd_video.eval.evidence.corrected import corrected, told
from w2sd_video.eval.evidence.measured import Measured
from w2sd_video.eval.evidence.result import HOLDS, OPEN, REFUTED, Claim, Expected, Hypothesis
from w2sd_video.eval.evidence.wording import p_told

ABOVE, BELOW = (Measured(values=[], mean=m, low=m - 0.1, high=m + 0.1) for m in (0.3, -0.3))


def claim(p: float | None, measured: Measured = ABOVE, text: str = "More") -> Claim:
    return Claim(text=text, row="a − b", measured=measured, expected="above", p=p)


@pytest.mark.parametrize(
    ("p", "measured", "verdict"),
    [
        (None, ABOVE, HOLDS),
        (0.01, ABOVE, HOLDS),
        (0.05, ABOVE, OPEN),
        (0.01, BELOW, REFUTED),
        (0.2, BELOW, OPEN),
        (0.01, Measured(values=[], mean=0.1, low=-0.1, high=0.3), OPEN),
    ],
)
def test_a_verdict_takes_the_interval_and_p(
    p: float | None, measured: Measured, verdict: str
) -> None:
    assert claim(p, measured).verdict == verdict


def test_holm_s_correction_is_over_all_claims_that_have_a_p() -> None:
    found = corrected([claim(0.01), claim(None), claim(0.03, BELOW), claim(0.2)])
    assert [one.p for one in found] == [pytest.approx(0.03), None, pytest.approx(0.06), 0.2]
    assert [one.verdict for one in found] == [HOLDS, HOLDS, OPEN, OPEN]


def test_what_is_lost_is_told_whichever_way_it_was() -> None:
    lost = told([claim(0.01), claim(0.06, text="Much"), claim(0.06, BELOW, "Little"), claim(None)])
    assert lost == (
        "Decided by their own intervals, but open with Holm's correction for 3 claims: "
        "“Much” (a − b; holds), “Little” (a − b; refuted)."
    )
    assert (
        told([claim(0.01)]) == "What holds or is refuted is so with Holm's correction for 1 claims."
    )
    nothing = Measured(values=[], mean=0.0, low=-0.1, high=0.1)
    assert told([claim(0.9, nothing)]).startswith("Nothing holds and nothing is refuted")


@pytest.mark.parametrize(
    ("expected", "bound", "at"),
    [("above", 0.0, [0.0]), ("above", -0.05, [-0.05]), ("within", 0.1, [-0.1, 0.1])],
)
def test_p_is_of_the_bound_and_of_both_where_there_are_two(
    expected: Expected, bound: float, at: list[float]
) -> None:
    asked = []

    def p(mean: float) -> float:
        asked.append(mean)
        return 0.5 + mean

    made = Hypothesis("So", "a", "b", expected, bound).claim("row", ABOVE, p)
    assert asked == at
    assert made.p == 0.5 + max(at)
    assert Hypothesis("So", "a", "b").claim("row", ABOVE, lambda mean: math.nan).p is None


def test_p_is_told_beside_what_was_measured() -> None:
    assert claim(0.012).found == "0.300 ± 0.100, p .012"
    assert claim(None).found == "0.300 ± 0.100"
    assert (p_told(0.0004), p_told(1.0)) == ("p < .001", "p 1.000")
