"""Claims of the evidences on stills: made-up outcomes make them hold, and refute them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from w2sd_video.eval.evidence import corrected
from w2sd_video.eval.evidence.measured import Measured
from w2sd_video.eval.evidence.panels import Lines
from w2sd_video.eval.evidence.result import HOLDS, OPEN, REFUTED, Result
from w2sd_video.eval.evidence.stills.outcomes import Held, effort
from w2sd_video.eval.evidence.studies import addition, captions, cost, experts

from ..stills.pretend import outcomes

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
    return cost.result(made, made, size)


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
    assert {claim.verdict for claim in gains} == {OPEN}  # and with Holm's correction not refuted
    assert {claim.by_interval for claim in gains} == {REFUTED}
    assert {claim.verdict for claim in result.claims if claim.expected == "within"} <= {HOLDS}


def test_captions_hold_where_reflection_gets_more_right() -> None:
    gain = {f"{words}: reflected": 0.9 for words in captions.RAW}
    result = of_captions(gain)
    for text in ("Reflection gets more right than", "More than the refined one with as many",
                 "the refined one with more guidance", "extrapolation",
                 "outlines"):  # fmt: skip
        assert verdicts(result, text) == [HOLDS] * 4
    assert verdicts(result, "of the gap gets") + verdicts(result, "of it gets") == [OPEN] * 8
    half = of_captions({f"{words}: {captions.gap(0.5)}": 0.9 for words in captions.RAW})
    assert verdicts(half, "Half of the gap") == [HOLDS] * 4
    assert verdicts(half, "and more than those with more guidance") == [HOLDS] * 4
    assert verdicts(half, "and than those with more guidance") == [OPEN] * 4
    assert verdicts(half, "A quarter") == [OPEN] * 4
    assert verdicts(result, "Turned round") == [OPEN] * 4
    good = {f"{words}: turned round": 0.9 for words in captions.RAW}
    assert verdicts(of_captions(good), "Turned round") == [REFUTED] * 4
    harm = {f"{words}: turned round": 0.1 for words in captions.RAW}
    assert verdicts(of_captions(harm), "Turned round") == [HOLDS] * 4


def test_conditions_are_told_apart() -> None:
    size = experts.FULL
    right = {"reflected": 0.9, "worst experts": 0.1}
    with_gain = outcomes(experts.ways(size, 1.0), right, "guidance 1")
    result = experts.result([with_gain, outcomes(experts.ways(size, 2.5), {})], size)
    assert verdicts(result, "Reflection with them gets more right") == [HOLDS, OPEN]
    assert verdicts(result, "of the gap gets more right") == [OPEN, OPEN]
    assert verdicts(result, "worst experts get less") == [HOLDS, OPEN]
    rows = [claim.row for claim in result.claims if claim.text.startswith("Reflection with")]
    assert rows == [f"guidance {g}, all right: reflected − best experts" for g in ("1", "2.5")]
    assert result.tables[0].note.startswith("Guidance 1: ")


def test_gains_add_up_only_if_they_do() -> None:
    gains = {addition.WEIGHTS: 0.65, addition.GUIDANCE: 0.6}
    added = verdicts(of_addition(gains | {addition.BOTH: 0.75}), "add up")
    assert added == [OPEN] * 4  # in the mean they do, but not surely within so little
    more = of_addition(gains | {addition.BOTH: 0.95}).claims
    assert {claim.by_interval for claim in more if "add up" in claim.text} == {REFUTED}
    assert verdicts(of_addition(gains | {addition.BOTH: 0.1}), "add up") == [REFUTED] * 4
    made = outcomes(addition.ways(addition.FULL, 2.5, 1.0), gains | {addition.BOTH: 0.75})
    assert addition.rest(made, "everything").mean() == pytest.approx(0.0, abs=0.02)


@pytest.mark.parametrize("gains", [{}, {addition.WEIGHTS: 0.65}, {addition.GUIDANCE: 0.65}])
def test_whether_gains_add_up_is_judged_only_where_there_are_two(gains: dict[str, float]) -> None:
    """Where both are about nothing, so is their sum, whatever it is worth."""
    result = of_addition(gains)
    assert not [claim for claim in result.claims if "add up" in claim.text]
    assert "all right and outlines: whether gains add up was not judged" in result.remarks[1]


def test_the_four_cells_are_where_they_belong() -> None:
    right = {addition.NONE: 0.1, addition.GUIDANCE: 0.2, addition.WEIGHTS: 0.3, addition.BOTH: 0.4}
    cells = of_addition(right).tables[0]
    means = [[c.mean for c in row if isinstance(c, Measured)] for _, row in cells.rows]
    assert means == [[pytest.approx(0.1), pytest.approx(0.2)], [pytest.approx(0.3), 0.4]]


def test_what_reflections_are_held_against_costs_as_much() -> None:
    size = cost.FULL
    for scale in size.guidances:
        made = outcomes(cost.ways(size, scale), {})
        for held in cost.held(size, scale, cost.Chosen(4.0, "", "")):
            if held.expected == "above" and held.a:
                spent, given = (made.found[one].evaluations for one in (held.a, held.b))
                assert 0 <= given - spent <= 1
    for scales in addition.FULL.guidances:
        ways = addition.ways(addition.FULL, *scales)
        dear = ways[addition.BOTH][0].evaluations
        for label in (addition.LONG, addition.GUIDED, addition.EXTRAPOLATED):
            assert dear <= ways[label][0].evaluations < 1.05 * dear
    for study, reflected in ((captions, "other words: reflected"), (experts, "reflected")):
        for scale in study.FULL.guidances:
            ways = study.ways(study.FULL, scale)
            dear = ways[reflected][0].evaluations
            for label in (study.LONG, study.GUIDED):
                assert dear <= ways[label][0].evaluations < 1.05 * dear
            assert ways[study.GUIDED][0].guidance > scale
    for ways in (captions.ways(captions.FULL, 2.5), experts.ways(experts.FULL, 1.0)):
        for label, (way, _) in ways.items():
            if way.mode == "extrapolate":
                exact = ways[label.replace("extrapolate", "reflected")][0]
                assert exact.evaluations <= way.evaluations < 1.05 * exact.evaluations


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
    assert set(verdicts(result, ", cached gets more right")) == {OPEN}
    assert verdicts(result, "At any cost") == [HOLDS] * 2
    lines = [
        [len(panel.lines) for panel in row.panels if isinstance(panel, Lines)]
        for row in result.figure
    ]
    assert lines == [[8, 8]] * 4


def test_plain_sampling_has_the_guidance_that_is_best_for_it() -> None:
    size = cost.FULL
    ways = cost.ways(size, 2.5)
    better = {label: 0.8 for label in ways if label.startswith("plain at guidance 4")}
    dev = outcomes(ways, better | {"cached, 20 steps": 0.7, "extrapolate, 20 steps": 0.9})
    chosen = cost.choose(dev, size, 2.5)
    assert chosen.guidance == 4.0
    assert chosen.plain in better
    assert chosen.reflected == "cached, 20 steps"  # extrapolation is no reflection
    best = [held for held in cost.held(size, 2.5, chosen) if "best guidance" in held.text]
    assert len(best) == 10
    assert {held.b for held in best} <= {*better}
    last = cost.held(size, 2.5, chosen)[-1]
    assert (last.a, last.b) == (chosen.reflected, chosen.plain)
    own = cost.choose(outcomes(ways, {cost.plain(2.5, n): 0.8 for n in range(200)}), size, 2.5)
    assert own.guidance == 2.5
    assert not [held for held in cost.held(size, 2.5, own) if "best guidance" in held.text]


def test_what_many_claims_make_of_chance_is_told() -> None:
    size = captions.FULL
    right = {captions.GUIDED: 0.57}  # six stills of eighty
    made = outcomes(captions.ways(size, 2.5), right)
    one = Held("One in many", captions.GUIDED, captions.STRONG)
    assert [claim.verdict for claim in corrected.corrected(made.claims([one]))] == [HOLDS]
    nothing = [Held("None", captions.LONG, captions.STRONG)] * 9
    many = corrected.corrected(made.claims([one, *nothing]))
    assert many[0].verdict == OPEN
    assert "for 10 claims: “One in many”" in corrected.told(many)


def test_stills_of_one_caption_are_one_draw() -> None:
    ways = experts.ways(experts.FULL, 1.0)
    made = outcomes(ways, {"reflected": 0.9})
    held = [Held("More", "reflected", experts.BEST)]
    [sure] = made.claims(held)
    few = [f"caption {i % 4}" for i in range(80)]
    found = {label: replace(one, captions=few) for label, one in made.found.items()}
    [less] = replace(made, found=found).claims(held)
    assert sure.p is not None
    assert less.p is not None
    assert less.p > 100 * sure.p
    assert "80 pairs with 4 captions" in replace(made, found=found).about_pairs


def test_what_stills_took_is_counted_once_however_often_they_are_told() -> None:
    ways = cost.ways(cost.FULL, 2.5)
    made, other = outcomes(ways, {}), outcomes(cost.ways(cost.FULL, 1.0), {})
    hour = {label: replace(one, effort=60.0) for label, one in made.found.items()}
    told = effort([replace(made, found=hour), replace(made, found=hour)])
    assert told.startswith(f"The stills took {len(ways)} minutes of one core")
    shared = {one.way for one in other.found.values()} & {one.way for one in made.found.values()}
    assert shared
    both = {label: replace(one, effort=60.0) for label, one in other.found.items()}
    dev = {label: replace(one, captions=["other"] * 80) for label, one in both.items()}
    count = len(ways) + len(both) - len(shared) + len(both)
    found = [replace(made, found=hour), replace(other, found=both), replace(other, found=dev)]
    assert effort(found).startswith(f"The stills took {count} minutes")
