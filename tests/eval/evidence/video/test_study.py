"""From the development split to the verdicts, on clips that are pretended."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from w2sd_video.eval.evidence import keep
from w2sd_video.eval.evidence.result import HOLDS, Result, read
from w2sd_video.eval.evidence.video import settings, study
from w2sd_video.eval.evidence.video.choice import choose
from w2sd_video.eval.evidence.video.columns import Column
from w2sd_video.eval.evidence.video.outcomes import Differences, Found
from w2sd_video.eval.evidence.video.outcomes import Test as Compared
from w2sd_video.eval.evidence.video.pairs import FIRST, captions, split_pairs
from w2sd_video.eval.evidence.video.plan import CLAIMS, FULL, METRICS
from w2sd_video.eval.evidence.video.search import Search

from w2sd_video.render.errors import InputError
from w2sd_video.shapes import FOLDERS

from .pretend import Pretend, rendering

PLAN = replace(FULL, dev=48, test=64, grid=16)
SEARCH = Search(
    replace(FULL, dev=48), partners=("weights", "guidance"), gaps=(1.0,), reserve=128, judged=2
)


def studied(folder: Path, pretend: Pretend) -> Result:
    return study.result("video", PLAN, rendering(folder, pretend), seed=0)


@pytest.mark.parametrize("best", [1.0, 1.5, 2.5, 6.0])
def test_the_guidance_that_is_best_is_found_also_beyond_the_start(
    best: float, tmp_path: Path
) -> None:
    pretend = Pretend(best=best)
    chosen = choose(PLAN, rendering(tmp_path, pretend), split_pairs("dev", 256))
    assert (chosen.strong, chosen.equal, chosen.reflected, chosen.extrapolated) == (best,) * 4
    assert chosen.effective == pytest.approx(best + 0.7, abs=0.01)
    assert chosen.reflecting == pytest.approx(best + 1.4, abs=0.01)
    tried = {column.guidance for column, _ in pretend.called if column.partner is None}
    assert tried >= {*PLAN.start}
    assert (6.0 in tried) == (best >= 4)


def test_the_test_is_sampled_only_when_all_is_chosen(tmp_path: Path) -> None:
    pretend = Pretend()
    studied(tmp_path, pretend)
    of_test = [pairs[0][1] >= FIRST["test"] for _, pairs in pretend.called]
    assert of_test == sorted(of_test)
    assert any(of_test)


def test_a_gain_holds_and_none_does_not(tmp_path: Path) -> None:
    gain = studied(tmp_path / "gain", Pretend(gain=0.4))
    none = studied(tmp_path / "none", Pretend())
    assert gain.claims[0].verdict == HOLDS
    assert gain.claims[0].p is not None
    assert gain.claims[0].p < 0.001
    assert none.claims[0].verdict != HOLDS
    assert none.claims[0].measured.mean == 0


def test_holm_s_correction_is_of_the_secondary_claims(tmp_path: Path) -> None:
    result = studied(tmp_path, Pretend(gain=0.4))
    claims = result.claims[1:]
    assert len(claims) == len(CLAIMS) - 1
    assert all(claim.p is not None for claim in claims)
    assert f"Holm's correction for {len(claims)} claims" in result.remarks[0]


def test_more_than_guidance_takes_both_arms(tmp_path: Path) -> None:
    """Guidance that is matched over all steps falls short of what reflection has; over the
    reflecting ones, it does not."""
    remark = studied(tmp_path / "gain", Pretend(gain=0.4)).remarks[1]
    assert remark.startswith("That reflection does more than guidance is shown")
    only = studied(tmp_path / "same", Pretend(best=3.9)).remarks[1]
    assert only.startswith("That reflection does more than guidance is not shown")


def test_how_many_captions_there_are_is_told(tmp_path: Path) -> None:
    about = studied(tmp_path, Pretend()).about
    one, two = (len({*captions(split_pairs("test", PLAN.test), things)}) for things in (1, 2))
    assert one < 32
    assert f"16 of one thing, with {one} captions, and 48 of two, with {two}." in about


def test_a_gain_on_one_caption_is_a_gain_on_one_however_many_pairs_it_has() -> None:
    scene = split_pairs("test", 1)[0][0]
    found = {
        label: Found(Column(8, 2.5), [(scene, i) for i in range(12)],
                     np.full((12, len(METRICS)), value), 16, 1.0, 2.5)
        for label, value in (("a", 1.0), ("b", 0.0))
    }  # fmt: skip
    differences = Differences(found)
    test = Compared("a", "b", "everything")
    difference = differences.of(test)
    assert difference is not None
    assert (difference.mean, difference.low) == (1.0, None)
    assert differences.p(test) == 1.0
    assert differences.p(test, bound=0.5) == 1.0
    others = [(other, 0) for other, _ in split_pairs("test", 16) if len(other.things) == 2]
    apart = Differences({label: replace(one, pairs=others) for label, one in found.items()})
    assert apart.p(test) < 0.01


def test_the_result_is_json_and_drawn_from_it(tmp_path: Path) -> None:
    result = studied(tmp_path / "clips", Pretend(gain=0.2))
    text = json.dumps(result.json_value(), allow_nan=False)
    assert len(text) < 100_000  # clips stay in their own files
    again = read(json.loads(text), tmp_path)
    assert [claim.verdict for claim in again.claims] == [claim.verdict for claim in result.claims]
    assert keep.write(again, tmp_path).stat().st_size > 10_000
    assert "| exact, 50% of the steps | 64 | 32 |" in (tmp_path / "shapes-video.md").read_text()


def test_settings_are_judged_on_a_split_of_their_own(tmp_path: Path) -> None:
    pretend = Pretend(gain=0.4)
    result = settings.result("video", SEARCH, rendering(tmp_path, pretend), seed=0)
    splits = [pairs[0][1] // 1_000_000 for _, pairs in pretend.called]
    assert splits == sorted(splits)
    assert {*splits} == {2, 4}
    assert [claim.verdict for claim in result.claims] == [HOLDS, HOLDS]
    assert result.remarks[0].startswith("Shown to beat the strong model alone")
    json.dumps(result.json_value(), allow_nan=False)
    assert keep.write(result, tmp_path).stat().st_size > 10_000


def test_where_no_settings_win_it_is_said(tmp_path: Path) -> None:
    result = settings.result("video", SEARCH, rendering(tmp_path, Pretend()), seed=0)
    assert result.remarks[0].startswith("None was shown to beat the strong model alone")
    for claim in result.claims:
        assert claim.found in result.remarks[0]


def test_only_the_kinds_furthest_ahead_are_judged(tmp_path: Path) -> None:
    pretend = Pretend(gain=0.4)
    made = rendering(tmp_path, pretend)
    result = settings.result("video", replace(SEARCH, judged=1), made, seed=0)
    judged = {column for column, pairs in pretend.called if pairs[0][1] >= FIRST["reserve"]}
    assert len(judged) == 2  # the one, and strong alone
    assert len(result.claims) == 1
    chosen = dict(result.tables[0].rows)
    assert len(chosen) == 2
    assert [row[-1] == "–" for row in chosen.values()].count(True) == 1


def test_a_model_without_weights_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FOLDERS, "dit", tmp_path / "none")
    for run in (study.run, settings.run):
        with pytest.raises(InputError, match="no weights of the shapes model 'dit'") as refused:
            run("dit", seed=0, quick=True)
        assert "\n" not in str(refused.value)
