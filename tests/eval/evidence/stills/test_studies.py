"""Claims of the evidences on stills: made-up outcomes make them hold, and refute them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from w2sd_video.eval.evidence import addition, captions, cost, experts
from w2sd_video.eval.evidence.result import HOLDS, OPEN, REFUTED, Result
from w2sd_video.eval.evidence.stills.outcomes import Held

from .pretend import outcomes

Make = Callable[[dict[str, float]], Result]


def of_captions(right: dict[str, float]) -> Result:
    made = outcomes(*captions.ways(captions.FULL), right)
    return captions.result(made, captions.FULL, "Refined: so")


def of_addition(right: dict[str, float]) -> Result:
    return addition.result(outcomes(*addition.ways(addition.FULL), right), addition.FULL)


def of_cost(right: dict[str, float]) -> Result:
    return cost.result(outcomes(*cost.ways(cost.FULL), right), cost.FULL)


def of_experts(right: dict[str, float]) -> Result:
    return experts.result(outcomes(*experts.ways(experts.FULL), right), experts.FULL)


def verdicts(result: Result, text: str) -> list[str]:
    found = [claim.verdict for claim in result.claims if text in claim.text]
    assert found, text
    return found


@pytest.mark.parametrize("make", [of_captions, of_addition, of_cost, of_experts])
def test_where_all_ways_are_alike_no_gain_is_claimed(make: Make) -> None:
    result = make({})
    gains = [claim for claim in result.claims if claim.expected != "within"]
    assert {claim.verdict for claim in gains} == {REFUTED}
    assert {claim.verdict for claim in result.claims if claim.expected == "within"} <= {HOLDS}


def test_captions_hold_where_reflection_gets_more_right() -> None:
    gain = {f"{words}: reflected": 0.9 for words in captions.RAW}
    result = of_captions(gain)
    for text in ("gets more right than", "as many", "more guidance", "extrapolation", "outlines"):
        assert verdicts(result, text) == [HOLDS] * 2
    assert verdicts(result, "Turned round") == [REFUTED] * 2
    harm = {f"{words}: turned round": 0.1 for words in captions.RAW}
    assert verdicts(of_captions(harm), "Turned round") == [HOLDS] * 2


def test_gains_add_up_only_if_they_do() -> None:
    gains = {addition.WEIGHTS: 0.65, addition.GUIDANCE: 0.6}
    both = verdicts(of_addition(gains | {addition.BOTH: 0.75}), "add up")
    assert both == [OPEN] * 2  # in the mean they do, but not surely within so little
    assert verdicts(of_addition(gains | {addition.BOTH: 0.95}), "add up") == [REFUTED] * 2
    assert verdicts(of_addition(gains | {addition.BOTH: 0.1}), "add up") == [REFUTED] * 2
    rest = addition.rest(
        outcomes(*addition.ways(addition.FULL), gains | {addition.BOTH: 0.75}), "everything"
    )
    assert rest.mean == pytest.approx(0.0, abs=0.02)


def test_the_four_cells_are_where_they_belong() -> None:
    right = {addition.NONE: 0.1, addition.GUIDANCE: 0.2, addition.WEIGHTS: 0.3, addition.BOTH: 0.4}
    cells = of_addition(right).tables[0]
    means = [[cell.mean for cell in row] for _, row in cells.rows]  # type: ignore[union-attr]
    assert means == [[pytest.approx(0.1), pytest.approx(0.2)], [pytest.approx(0.3), 0.4]]


def test_what_modes_are_held_against_costs_at_least_as_much() -> None:
    made, _ = cost.ways(cost.FULL)
    for held in cost.held(cost.FULL):
        assert made[held.a].evaluations <= made[held.b].evaluations or "plain" in held.a
    both = addition.ways(addition.FULL)[0]
    assert both[addition.BOTH].evaluations <= both[addition.LONG].evaluations


def test_a_mode_is_better_where_it_is_and_the_best_are_chosen_on_other_pairs() -> None:
    labels = {cost.reflected("exact", n): 0.9 for n in cost.FULL.reflected}
    result = of_cost(labels)
    assert set(verdicts(result, ", exact gets more right")) == {HOLDS}
    assert set(verdicts(result, ", cached gets more right")) == {REFUTED}
    assert verdicts(result, "At any cost") == [HOLDS]
    made = outcomes(*cost.ways(cost.FULL), {})
    # A way that is right on the pairs it is chosen on, and on no other, gains nothing.
    lucky = made.found[cost.reflected("cached", 5)].values
    lucky["everything"] = (np.arange(len(lucky["everything"])) % 2 == 0).astype(np.float64)
    assert cost.best_claim(made, cost.FULL).verdict == REFUTED


def test_experts_hold_by_guidance() -> None:
    right = {experts.name(1.0, "reflected"): 0.9, experts.name(1.0, "worst experts"): 0.1}
    result = of_experts(right)
    assert verdicts(result, "gets more right") == [HOLDS, REFUTED]
    assert verdicts(result, "worst experts get less") == [HOLDS, REFUTED]


def test_what_many_claims_make_of_chance_is_told() -> None:
    made = outcomes(*captions.ways(captions.FULL), {"refined, more guidance": 0.57})
    weak = Held("One in many", "refined, more guidance", "refined")
    alone = made.corrected([weak])
    assert "holds does so" in alone
    many = made.corrected([weak, *[Held("None", "refined", "refined, equal evaluations")] * 9])
    assert "no longer with Holm's correction for 10 claims: “One in many”" in many
