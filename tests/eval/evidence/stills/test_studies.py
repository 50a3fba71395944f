"""Claims of the evidences on stills: made-up outcomes make them hold, and refute them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from w2sd_video.eval.evidence import addition, captions, cost, experts
from w2sd_video.eval.evidence.measured import Measured
from w2sd_video.eval.evidence.panels import Lines
from w2sd_video.eval.evidence.result import HOLDS, OPEN, REFUTED, Result
from w2sd_video.eval.evidence.stills.outcomes import Held, corrected

from .pretend import outcomes

Make = Callable[[dict[str, float]], Result]


def of_captions(right: dict[str, float]) -> Result:
    size = captions.FULL
    made = [outcomes(captions.ways(size, scale), right) for scale in size.guidances]
    return captions.result(made, size, "refined: so")


def of_addition(right: dict[str, float]) -> Result:
    size = addition.FULL
    made = [outcomes(addition.ways(size, *scales), right) for scales in size.guidances]
    return addition.result(made, size)


def of_cost(right: dict[str, float]) -> Result:
    size = cost.FULL
    made = [outcomes(cost.ways(size, scale), right) for scale in size.guidances]
    return cost.result(made, size)


def of_experts(right: dict[str, float]) -> Result:
    size = experts.FULL
    made = [outcomes(experts.ways(size, scale), right) for scale in size.guidances]
    return experts.result(made, size)


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
        assert verdicts(result, text) == [HOLDS] * 4
    assert verdicts(result, "Turned round") == [REFUTED] * 4
    harm = {f"{words}: turned round": 0.1 for words in captions.RAW}
    assert verdicts(of_captions(harm), "Turned round") == [HOLDS] * 4


def test_conditions_are_told_apart() -> None:
    size = experts.FULL
    right = {"reflected": 0.9, "worst experts": 0.1}
    with_gain = outcomes(experts.ways(size, 1.0), right, "guidance 1")
    result = experts.result([with_gain, outcomes(experts.ways(size, 2.5), {})], size)
    assert verdicts(result, "gets more right") == [HOLDS, REFUTED]
    assert verdicts(result, "worst experts get less") == [HOLDS, REFUTED]
    rows = [claim.row for claim in result.claims if claim.text.startswith("Reflection with")]
    assert rows == [f"guidance {g}, all right: reflected − best experts" for g in ("1", "2.5")]
    assert result.tables[0].note.startswith("Guidance 1: ")


def test_gains_add_up_only_if_they_do() -> None:
    gains = {addition.WEIGHTS: 0.65, addition.GUIDANCE: 0.6}
    added = verdicts(of_addition(gains | {addition.BOTH: 0.75}), "add up")
    assert added == [OPEN] * 4  # in the mean they do, but not surely within so little
    assert verdicts(of_addition(gains | {addition.BOTH: 0.95}), "add up") == [REFUTED] * 4
    assert verdicts(of_addition(gains | {addition.BOTH: 0.1}), "add up") == [REFUTED] * 4
    made = outcomes(addition.ways(addition.FULL, 2.5, 1.0), gains | {addition.BOTH: 0.75})
    assert addition.rest(made, "everything").mean == pytest.approx(0.0, abs=0.02)


def test_the_four_cells_are_where_they_belong() -> None:
    right = {addition.NONE: 0.1, addition.GUIDANCE: 0.2, addition.WEIGHTS: 0.3, addition.BOTH: 0.4}
    cells = of_addition(right).tables[0]
    means = [[c.mean for c in row if isinstance(c, Measured)] for _, row in cells.rows]
    assert means == [[pytest.approx(0.1), pytest.approx(0.2)], [pytest.approx(0.3), 0.4]]


def test_what_reflections_are_held_against_costs_as_much() -> None:
    for scale in cost.FULL.guidances:
        made = outcomes(cost.ways(cost.FULL, scale), {})
        for held in cost.all_held(made, cost.FULL):
            if held.expected == "above":
                spent, given = (made.found[one].evaluations for one in (held.a, held.b))
                assert given - 4 <= spent <= given  # official leaves its last step alone
    for scales in addition.FULL.guidances:
        ways = addition.ways(addition.FULL, *scales)
        assert ways[addition.BOTH][0].evaluations <= ways[addition.LONG][0].evaluations


def test_matched_guidance_is_what_a_guidance_pair_amounts_to() -> None:
    for (high, low), matched in zip(addition.FULL.guidances, (4.0, 2.0), strict=True):
        ways = addition.ways(addition.FULL, high, low)
        assert ways[addition.GUIDED][0].guidance == matched
        partner = ways[addition.GUIDANCE][0].partner
        assert partner is not None
        assert partner.guidance == low


def test_a_mode_is_better_where_it_is() -> None:
    right = {cost.reflected("exact", n): 0.9 for n in cost.FULL.reflected}
    result = of_cost(right)
    assert set(verdicts(result, ", exact gets more right")) == {HOLDS}
    assert verdicts(result, "guidance: exact gets more right") == [HOLDS]
    assert set(verdicts(result, ", cached gets more right")) == {REFUTED}
    assert verdicts(result, "At any cost") == [HOLDS] * 2
    lines = [
        [len(panel.lines) for panel in row.panels if isinstance(panel, Lines)]
        for row in (result.figure[0], result.figure[2])
    ]
    assert lines == [[6, 6], [7, 7]]


def test_the_best_is_chosen_on_other_pairs_than_it_is_measured_on() -> None:
    made = outcomes(cost.ways(cost.FULL, 2.5), {})
    # A way that is right on the pairs it is chosen on, and on no other, gains nothing.
    lucky = made.found[cost.reflected("cached", 5)].values
    lucky["everything"] = (np.arange(len(lucky["everything"])) % 2 == 0).astype(np.float64)
    claim = cost.best_claim(made, cost.FULL)
    assert "cached, 5 steps" in claim.row
    assert claim.verdict == REFUTED


def test_what_many_claims_make_of_chance_is_told() -> None:
    made = outcomes(captions.ways(captions.FULL, 2.5), {"refined, more guidance": 0.57})
    weak = Held("One in many", "refined, more guidance", "refined")
    assert "holds does so" in corrected([(made, [weak])])
    nothing = [Held("None", "refined", "refined, equal evaluations")] * 9
    many = corrected([(made, [weak]), (made, nothing)])
    assert "no longer with Holm's correction for 10 claims: “One in many”" in many
