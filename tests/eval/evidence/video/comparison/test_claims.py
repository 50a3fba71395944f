"""What is compared with what: equal evaluations are equal, and claims are of what is sampled."""

from __future__ import annotations

from dataclasses import replace

import pytest
from w2sd_video.eval.evidence.video.columns import PARTNERS, Column, Partner, plain_with
from w2sd_video.eval.evidence.video.comparison.claims import (
    BEST,
    CLAIMS,
    EQUAL,
    FEW,
    GUIDED,
    MATCHED,
    MIXED,
    REFLECTED,
    SELF,
    STRONG,
    WEAK,
    Chosen,
    Held,
    columns,
)
from w2sd_video.eval.evidence.video.comparison.claims import reflected as label
from w2sd_video.eval.evidence.video.metrics import PRIMARY
from w2sd_video.eval.evidence.video.plan import FULL

from w2sd_video.core.reflection import Mode

CHOSEN = Chosen(
    strong=2.5, equal=1.5, reflected=2.5, extrapolated=4.0, effective=3.2, reflecting=3.9
)


@pytest.mark.parametrize("partner", PARTNERS)
@pytest.mark.parametrize("mode", FULL.modes)
@pytest.mark.parametrize("share", FULL.shares)
@pytest.mark.parametrize("guidance", [1.5, 2.5])
def test_strong_alone_takes_as_many_evaluations(
    partner: Partner, mode: Mode, share: float, guidance: float
) -> None:
    reflected = Column(FULL.steps, 2.5, partner=partner, mode=mode, share=share)
    alone = plain_with(reflected.evaluations, guidance)
    # Not one fewer and less than a step more; of the primary comparison and its grid exactly.
    more = alone.evaluations - reflected.evaluations
    assert 0 <= more <= (1 if partner != "weights" else 0)


def test_the_test_s_columns_are_as_planned() -> None:
    found = columns(FULL, CHOSEN)
    assert found[REFLECTED] == Column(8, 2.5, partner="weights", mode="exact", share=0.5)
    assert found[EQUAL] == Column(16, 1.5)
    assert found[STRONG] == replace(found[REFLECTED], partner=None, share=1.0)
    assert found[MATCHED] == Column(16, 3.2)
    assert found[GUIDED] == Column(16, 2.5, "strong", "guidance", "extrapolate", 0.5, 0.9333)
    assert found[GUIDED].evaluations == found[REFLECTED].evaluations
    lower = columns(FULL, replace(CHOSEN, reflecting=2.2))[GUIDED]
    assert (lower.guidance, lower.gap) == (2.5, -0.2)
    others = [name for name in found if name.startswith(("strong, 1", "strong, 2"))]
    assert others == ["strong, 12 steps", "strong, 24 steps"]
    assert len({*found.values()}) >= len(found) - 1  # strong may be at its best as it is
    reflected = [one for one in found.values() if one.partner == "weights"]
    assert len(reflected) == len(FULL.modes) * len(FULL.shares)


def test_what_has_guidance_in_some_steps_only_has_none_in_the_others() -> None:
    """A reflection without guidance amounts to some where it reflects."""
    found = columns(FULL, replace(CHOSEN, reflected=1.0, effective=1.8, reflecting=2.6))
    guided = found[GUIDED]
    assert guided.guidance == pytest.approx(1.0, abs=0.001)
    assert guided.guidance + guided.gap * (guided.guidance - 1.0) == pytest.approx(2.6, abs=0.001)
    assert (guided.reflects, guided.evaluations) == (4, found[REFLECTED].evaluations)


def test_extrapolation_has_guidance_of_its_own_and_as_many_evaluations() -> None:
    found = columns(FULL, CHOSEN)
    for share in FULL.shares:
        exact, beside = (found[label(mode, share)] for mode in ("exact", "extrapolate"))
        assert beside.guidance == CHOSEN.extrapolated
        assert 0 <= beside.evaluations - exact.evaluations <= 3
        assert beside.steps > exact.steps


def test_all_that_reflection_is_held_against_is_on_all_pairs() -> None:
    """Strong, weak, equal evaluations, best and matched guidance, and each mode."""
    all_pairs = {*columns(FULL, CHOSEN)} - {*FEW}
    asked = {STRONG, WEAK, EQUAL, BEST, MATCHED, GUIDED, SELF}
    asked |= {label(mode, share) for mode in FULL.modes for share in (0.25, 0.5, 1.0)}
    assert all_pairs == asked | {"strong, 12 steps", "strong, 24 steps"}  # as dear as the others
    secondary = [held for held in CLAIMS if held.a != MIXED]
    assert {label for held in secondary for label in (held.a, held.b)} <= all_pairs


def test_strong_without_guidance_has_twice_the_steps() -> None:
    assert plain_with(48, 1.0) == Column(48, 1.0)


def test_the_primary_claim_is_the_first() -> None:
    first = CLAIMS[0]
    assert (first.a, first.b, first.by, first.things) == (REFLECTED, EQUAL, PRIMARY, None)
    assert (first.expected, first.bound) == ("above", 0)


@pytest.mark.parametrize("held", CLAIMS, ids=lambda held: held.text[:40])
def test_every_claim_is_of_columns_that_are_sampled(held: Held) -> None:
    assert {held.a, held.b} <= {*columns(FULL, CHOSEN)}
    assert held.a != held.b


def test_the_test_is_large_enough_for_small_gains() -> None:
    assert FULL.test >= 512
