"""The best settings of stills are found, and judged once on other pairs."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from w2sd_video.eval.evidence.embedded.rendering import Rendering
from w2sd_video.eval.evidence.embedded.store import Pair
from w2sd_video.eval.evidence.result import HOLDS, OPEN, Result
from w2sd_video.eval.evidence.stills import search
from w2sd_video.eval.evidence.stills.outcomes import Ways
from w2sd_video.eval.evidence.stills.ways import Way
from w2sd_video.eval.evidence.studies import settings_image as study

from ..stills.pretend import outcomes

SIZE = study.FULL
CHOSEN = (study.PLAIN, study.OUTLINED, study.REFLECTED, study.EXTRAPOLATED)


def worth(way: Way) -> float:
    """How much a way gets right, in a world where this is best: plain at guidance 2, implicit at
    1.5 and gap 0.5 on all steps, extrapolation at 1 and gap 2 on half of them."""
    right = {"implicit": 0.6, "extrapolate": 0.55}.get(way.mode, 0.5)
    guidance, gap, share = {"implicit": (1.5, 0.5, 1.0), "extrapolate": (1.0, 2.0, 0.5)}.get(
        way.mode, (2.0, 1.0, 1.0)
    )
    if way.partner is None:
        return 0.6 - 0.1 * abs(way.guidance - 2.0)
    off = abs(way.guidance - guidance) + abs(way.gap - gap) + abs(way.share - share)
    return right - 0.05 * off + 0.15


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Ways, list[Pair]]]:
    """What is sampled; nothing is."""
    calls = []
    nothing: Any = Rendering(lambda way, pairs: [], lambda way, pair: "", tmp_path, 1, 1)

    def sampled(rendering: Any, conditions: dict[str, Ways], pairs: list[Pair]) -> Any:
        assert rendering is nothing
        [ways] = conditions.values()
        calls.append((ways, pairs))
        made = outcomes(ways, {label: worth(way) for label, (way, _) in ways.items()}, "judged")
        for one in made.found.values():  # outlines are best at guidance 3
            one.values["iou"] = one.values["everything"] - 0.2 * abs(one.way.guidance - 3.0)
        return [made]

    for module in (search, study):
        monkeypatch.setattr(module, "sampled", sampled)
    monkeypatch.setattr(study, "stills", lambda kind, quick, recorded: nullcontext(nothing))
    return calls


def verdicts(result: Result) -> list[str]:
    return [claim.verdict for claim in result.claims]


def test_the_best_settings_are_found_and_judged_once_on_other_captions(
    asked: list[tuple[Ways, list[Pair]]],
) -> None:
    result = study.run(0, quick=False)
    judged, pairs = asked[-1]
    searched = [dev for _, dev in asked if len(dev) == SIZE.dev]
    few = [own for _, own in asked if len(own) == SIZE.few]
    assert searched
    assert few
    assert (judged[study.PLAIN][0].guidance, judged[study.PLAIN][0].steps) == (2.0, 30)
    assert judged[study.OUTLINED][0].guidance == 3.0
    best = judged[study.REFLECTED][0]
    assert (best.mode, best.guidance, best.gap, best.share) == ("implicit", 1.5, 0.5, 1.0)
    other = judged[study.EXTRAPOLATED][0]
    assert (other.mode, other.guidance, other.gap, other.share) == ("extrapolate", 1.0, 2.0, 0.5)
    assert judged[study.USUAL][0].guidance == 2.0
    chose = {scene.caption for dev in searched for scene, _ in dev}
    assert len(pairs) == SIZE.pairs
    assert not chose & {scene.caption for scene, _ in pairs}
    assert not {seed for dev in searched for _, seed in dev} & {seed for _, seed in pairs}
    # Nothing that the earlier search saw or was judged by takes part again.
    [earlier] = [own for ways, own in asked if {*ways} == {*study.EARLIER}]
    known = {seed for own in [*few, earlier] for _, seed in own}
    assert not known & {seed for own in [*searched, pairs] for _, seed in own}
    assert verdicts(result)[0] == HOLDS
    assert "Shown to beat" in result.remarks[1]
    assert "implicit, guidance 1.5, gap 0.5, 100% of 10 steps" in result.remarks[1]


def test_all_that_is_compared_takes_as_many_evaluations(
    asked: list[tuple[Ways, list[Pair]]],
) -> None:
    study.run(0, quick=False)
    for ways, _ in asked:
        for way, _ in ways.values():
            assert 0 <= way.evaluations - SIZE.search.evaluations < 6, way


def test_plain_sampling_is_judged_at_every_guidance(asked: list[tuple[Ways, list[Pair]]]) -> None:
    study.run(0, quick=False)
    judged, _ = asked[-1]
    alone = {way.guidance for way, _ in judged.values() if way.partner is None}
    assert alone == {1.0, *SIZE.search.alone}


def test_extrapolation_is_no_reflection(asked: list[tuple[Ways, list[Pair]]]) -> None:
    study.run(0, quick=False)
    tried = {way for ways, _ in asked for way, _ in ways.values()}
    assert {way.mode for way in tried if way.partner} == {
        "exact", "implicit", "cached", "extrapolate"
    }  # fmt: skip
    judged, _ = asked[-1]
    assert judged[study.REFLECTED][0].mode != "extrapolate"
    assert judged[study.EXTRAPOLATED][0].mode == "extrapolate"


def test_where_nothing_is_better_nothing_is_recommended(
    asked: list[tuple[Ways, list[Pair]]],
) -> None:
    study.run(0, quick=False)
    ways, _ = asked[-1]
    chosen = {label: ways[label][0] for label in CHOSEN}
    alike = outcomes(ways, {})
    result = study.result(alike, chosen, alike, alike, SIZE)
    *gains, no_less = verdicts(result)
    assert ({*gains}, no_less) == ({OPEN}, HOLDS)
    assert "Not shown to beat" in result.remarks[1]
