"""The search for the best settings and their judgement, on clips that are pretended."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from w2sd_video.eval.evidence import keep
from w2sd_video.eval.evidence.result import HOLDS
from w2sd_video.eval.evidence.video.columns import Column
from w2sd_video.eval.evidence.video.pairs import FIRST
from w2sd_video.eval.evidence.video.plan import FULL
from w2sd_video.eval.evidence.video.settings import study
from w2sd_video.eval.evidence.video.settings.arms import arms
from w2sd_video.eval.evidence.video.settings.search import Search

from ..pretend import Pretend, rendering

SEARCH = Search(
    replace(FULL, dev=48),
    partners=("weights", "guidance"),
    modes=("exact", "implicit"),
    guidances=(1.0, 2.5),
    gaps=(1.0,),
    reserve=128,
    judged=2,
)


def test_settings_are_judged_on_a_split_of_their_own(tmp_path: Path) -> None:
    pretend = Pretend(gain=0.4)
    result = study.result("video", SEARCH, rendering(tmp_path, pretend), seed=0)
    splits = [pairs[0][1] // 1_000_000 for _, pairs in pretend.called]
    assert splits == sorted(splits)
    assert {*splits} == {2, 4}
    assert [claim.verdict for claim in result.claims] == [HOLDS, HOLDS]
    assert result.remarks[0].startswith("Shown to beat the strong model alone")
    json.dumps(result.json_value(), allow_nan=False)
    assert keep.write(result, tmp_path).stat().st_size > 10_000


def test_where_no_settings_win_it_is_said(tmp_path: Path) -> None:
    result = study.result("video", SEARCH, rendering(tmp_path, Pretend()), seed=0)
    assert result.remarks[0].startswith("Not shown to beat the strong model alone")
    for claim in result.claims:
        assert claim.found in result.remarks[0]


def test_all_that_was_tried_is_told(tmp_path: Path) -> None:
    pretend = Pretend(gain=0.4)
    result = study.result("video", SEARCH, rendering(tmp_path, pretend), seed=0)
    tried = {column for column, pairs in pretend.called if pairs[0][1] < FIRST["test"]}
    assert len(tried) > len(SEARCH.partners)
    assert len(result.tables[-1].rows) == len(tried)
    assert len({label for label, _ in result.tables[-1].rows}) == len(tried)


def test_only_the_kinds_furthest_ahead_are_judged(tmp_path: Path) -> None:
    pretend = Pretend(gain=0.4)
    made = rendering(tmp_path, pretend)
    result = study.result("video", replace(SEARCH, judged=1), made, seed=0)
    judged = {column for column, pairs in pretend.called if pairs[0][1] >= FIRST["reserve"]}
    alone, extrapolated = (
        {one.guidance for one in judged if one.mode == mode and one.partner == partner}
        for mode, partner in (("exact", None), ("extrapolate", "weights"))
    )
    [best] = [one for one in judged if one.partner and one.mode != "extrapolate"]
    assert (best.partner, extrapolated) == ("weights", {best.guidance})
    assert best.guidance in alone
    assert len(judged) == 2 + len(alone)
    assert [*dict(result.tables[1].rows)] == [f"− {label}" for label, _ in result.tables[2].rows][
        1:
    ]
    assert len(result.claims) == 1
    chosen = dict(result.tables[0].rows)
    assert [*chosen] == ["strong alone", "weights", "guidance (weak: 1)"]
    assert [row[-1] == "–" for row in chosen.values()] == [True, False, True]


def test_everything_that_is_searched_takes_as_many_evaluations(tmp_path: Path) -> None:
    pretend = Pretend(gain=0.4)
    search = replace(Search(), reserve=16, plan=replace(FULL, dev=8))
    study.result("video", search, rendering(tmp_path, pretend), seed=0)
    columns = {column for column, _ in pretend.called}
    assert {column.partner for column in columns} == {None, *search.partners}
    assert {column.share for column in columns if column.partner} == {*FULL.shares}
    for column in columns:
        assert 0 <= column.evaluations - search.evaluations < 6, column  # of one step


def test_guidance_is_chosen_at_the_search_s_gap(tmp_path: Path) -> None:
    pretend = Pretend(gain=0.4)
    search = replace(SEARCH, partners=("weights",), gap=0.5, gaps=(0.25, 0.5), judged=1)
    result = study.result("dit", search, rendering(tmp_path, pretend), seed=0)
    tried = {column for column, pairs in pretend.called if pairs[0][1] < FIRST["test"]}
    at_first = {one for one in tried if one.partner and one.gap == 0.5 and one.share == 1}
    assert {(one.mode, one.guidance) for one in at_first} == {
        (mode, guidance) for mode in search.modes for guidance in search.guidances
    }
    assert len({(one.mode, one.guidance) for one in tried if one.gap == 0.25}) == 1
    assert "on all steps at gap 0.5; then gaps 0.25, 0.5;" in result.about.replace(" and ", ", ")


def test_strong_at_other_guidances_is_shown_beside_without_a_claim(tmp_path: Path) -> None:
    half = replace(SEARCH.plan, shares=(0.5,))  # of nine steps: 38 evaluations, and not 36
    search = replace(SEARCH, plan=half, partners=("weights",), judged=1, beside=(6.0,))
    pretend = Pretend()
    result = study.result("dit", search, rendering(tmp_path, pretend), seed=0)
    judged = {column for column, pairs in pretend.called if pairs[0][1] >= FIRST["reserve"]}
    [reflected] = [one for one in judged if one.partner and one.mode != "extrapolate"]
    [shown] = [one for one in judged if one.partner is None and one.guidance == 6.0]
    assert shown.evaluations == reflected.evaluations == 38
    assert [*dict(result.tables[1].rows)][-1] == "− weights: strong alone at guidance 6"
    assert [*dict(result.tables[2].rows)][-1] == "weights: strong alone at guidance 6"
    assert "of the reflection, and strong alone at guidance 6." in result.about
    difference = dict(result.tables[1].rows)["− weights: strong alone at guidance 6"][0]
    assert result.remarks[-2] == (
        "Without a claim: all right: weights: reflected − weights: strong alone at guidance 6: "
        f"{difference}."
    )
    assert len(result.claims) == 1


def test_what_is_an_arm_anyway_is_not_shown_twice(tmp_path: Path) -> None:
    search = replace(SEARCH, partners=("weights",), judged=1)
    plain = study.result("dit", search, rendering(tmp_path / "a", Pretend()), seed=0)
    chosen = dict(plain.tables[0].rows)["strong alone"][0]
    guidance = float(str(chosen).rpartition(" ")[2])
    again = replace(search, beside=(guidance,))
    result = study.result("dit", again, rendering(tmp_path / "b", Pretend()), seed=0)
    assert result.tables == plain.tables


def test_the_cost_that_is_told_has_every_arm(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    search = replace(SEARCH, partners=("weights",), judged=1, beside=(6.0,))
    study.result("dit", search, rendering(tmp_path, Pretend()), seed=0)
    [told] = [line for line in capsys.readouterr().err.splitlines() if line.startswith("reserve")]
    assert told.startswith(f"reserve: {5 * search.reserve} clips")


def test_settings_are_held_against_the_same_guidance_for_as_many_evaluations() -> None:
    best = Column(6, 1.5, partner="weights", mode="implicit", gap=0.5)
    found = arms("weights", best, strong=2.5)
    assert [*found.values()] == [
        best,
        Column(18, 2.5),
        Column(18, 1.5),
        replace(best, mode="extrapolate", steps=9),
    ]
    assert {one.evaluations for one in found.values()} == {36}
    # Where strong is best at the same guidance it is one arm, not two.
    same = arms("weights", best, strong=1.5)
    assert [column.mode for column in same.values()] == ["implicit", "exact", "extrapolate"]
    assert [*same.values()][1] == Column(18, 1.5)
