"""What is claimed of the rare class: made-up histograms make it hold, and refute it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ttest_1samp
from w2sd_video.eval.evidence.result import HOLDS, OPEN, REFUTED, Result
from w2sd_video.eval.evidence.studies import imbalance
from w2sd_video.eval.evidence.unbalanced.arms import ARMS, EXTRAPOLATED, REFLECTED
from w2sd_video.eval.evidence.unbalanced.classes import NOTHING
from w2sd_video.eval.evidence.unbalanced.experiment import Repetition, Sampled
from w2sd_video.eval.evidence.unbalanced.measures import Measures, off
from w2sd_video.eval.evidence.unbalanced.pictures import KINDS, RARE

from w2sd_video.shapes.world import SHAPES


def shares(rare: float, nothing: float = 0.0) -> np.ndarray:
    found = np.zeros(NOTHING + 1)
    for kind in KINDS:
        found[SHAPES.index(kind)] = (1 - rare - nothing) / 2
    found[SHAPES.index(RARE)] = rare
    found[NOTHING] = nothing
    return found


def sampled(rare: float, outlines: float = 0.9) -> Sampled:
    features = np.random.default_rng(0).random((20, len(SHAPES)))
    return Sampled(60, shares(rare), outlines, 1 / 3 - rare, features)


def result(rare: dict[str, float]) -> Result:
    repetitions: list[Repetition] = [
        {s.label: sampled(rare.get(s.label, 0.1) + wobble) for s in ARMS}
        for wobble in (0.0, 0.001, -0.001)
    ]
    return imbalance.result(repetitions, imbalance.FULL)


def verdict(made: Result, text: str) -> str:
    [claim] = [claim for claim in made.claims if claim.text.startswith(text)]
    return claim.verdict


def test_how_far_a_histogram_is_off() -> None:
    assert off(shares(1 / 3)) == pytest.approx(0.0)
    assert off(shares(0.1)) == pytest.approx(1 / 3 - 0.1)
    assert off(shares(0.4)) == pytest.approx(0.4 - 1 / 3)
    assert off(shares(0.3, nothing=0.1)) == pytest.approx(0.1)  # what shows nothing is off, too


def test_claims_hold_where_the_rare_class_comes_back() -> None:
    made = result({"reflected": 0.28, "reflected, half of the steps": 0.2, "reversed": 0.01,
                   "extrapolate": 0.25, EXTRAPOLATED[1.0]: 0.26,
                   "balanced data": 1 / 3})  # fmt: skip
    for text in ("The rare class", "The histogram is nearer", "So are", "More steps", "Half",
                 "The pair reversed", "With a weak model of other data", "Shapes stay",
                 "It beats extrapolation", "It beats as many evaluations of extrapolation in",
                 "Its shapes"):  # fmt: skip
        assert verdict(made, text) == HOLDS, text
    assert verdict(made, "The histogram is as good") == REFUTED


def test_claims_are_open_where_nothing_changes_and_refuted_where_the_pair_overshoots() -> None:
    made = result({})
    for text in ("The rare class", "The histogram is nearer", "So are", "More steps", "Half",
                 "The pair reversed", "It beats extrapolation"):  # fmt: skip
        assert verdict(made, text) == OPEN, text
    over = result({"reflected": 0.9})
    assert verdict(over, "The rare class") == HOLDS
    assert verdict(over, "The histogram is nearer") == REFUTED


def test_the_best_gaps_are_chosen_on_other_repetitions() -> None:
    """The luckiest gap of a repetition is not its best one."""
    lucky, steady = EXTRAPOLATED[0.5], EXTRAPOLATED[3.0]
    repetitions: list[Repetition] = [
        {s.label: sampled({lucky: first, steady: 0.25}.get(s.label, 0.1)) for s in ARMS}
        for first in (0.33, 0.1, 0.1)
    ]
    measures = Measures(repetitions)
    assert measures.best(EXTRAPOLATED.values()) == [steady] * 3
    mixed = measures.of_each([lucky, steady, lucky], "rare").values
    assert mixed == [pytest.approx(rare) for rare in (0.33, 0.25, 0.1)]

    def at_best(rare: dict[str, float]) -> str:
        return verdict(result(rare), "It beats as many evaluations of extrapolation also")

    assert at_best({REFLECTED[2.0]: 0.3, lucky: 0.2}) == HOLDS
    assert at_best({REFLECTED[2.0]: 0.2, lucky: 0.3}) == REFUTED


def test_few_repetitions_of_a_gain_that_varies_are_not_enough_for_so_many_claims() -> None:
    """By its own interval the gain is sure, and by its own p it would be."""
    gains = (0.015, 0.025, 0.03, 0.045)
    made = imbalance.result(
        [{s.label: sampled(0.1 + gain * (s.label == "reflected")) for s in ARMS}
         for gain in gains],
        imbalance.FULL,
    )  # fmt: skip
    [claim] = [claim for claim in made.claims if claim.text.startswith("The rare class")]
    assert claim.by_interval == HOLDS
    alone = ttest_1samp(gains, 0.0).pvalue
    assert alone < 0.02
    assert claim.p is not None
    assert claim.p > 5 * alone
    assert claim.verdict == OPEN


def test_the_table_and_the_plot_tell_every_setting_and_set() -> None:
    made = result({"reflected": 0.3})
    rows = dict(made.tables[0].rows)
    assert [*rows] == [arm.label for arm in ARMS]
    assert str(rows["reflected"][2]).startswith("0.300")
    assert [len(row.panels) for row in made.figure] == [5, 5, 2]
