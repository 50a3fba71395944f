"""From the development split to the verdicts, on clips that are pretended."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from w2sd_video.eval.evidence import keep
from w2sd_video.eval.evidence.result import HOLDS, Result, read
from w2sd_video.eval.evidence.video import settings, study
from w2sd_video.eval.evidence.video.choice import choose
from w2sd_video.eval.evidence.video.pairs import FIRST, split_pairs
from w2sd_video.eval.evidence.video.plan import FULL
from w2sd_video.eval.evidence.video.search import Search

from w2sd_video.render.errors import InputError
from w2sd_video.shapes import FOLDERS

from .pretend import Pretend, rendering

PLAN = replace(FULL, dev=48, test=64, grid=16)
SEARCH = Search(replace(FULL, dev=48), partners=("weights", "guidance"), gaps=(1.0,), reserve=64)


def studied(folder: Path, pretend: Pretend) -> Result:
    return study.result("video", PLAN, rendering(folder, pretend), seed=0)


@pytest.mark.parametrize("best", [1.0, 1.5, 2.5, 6.0])
def test_the_guidance_that_is_best_is_found_also_beyond_the_start(
    best: float, tmp_path: Path
) -> None:
    pretend = Pretend(best=best)
    chosen = choose(PLAN, rendering(tmp_path, pretend), split_pairs("dev", 256))
    assert (chosen.strong, chosen.equal, chosen.reflected) == (best, best, best)
    assert chosen.effective == pytest.approx(best + 0.7, abs=0.01)
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
    assert "(p < .001)" in gain.claims[0].row
    assert none.claims[0].verdict != HOLDS
    assert none.claims[0].measured.mean == 0


def test_holm_s_correction_is_of_the_secondary_claims(tmp_path: Path) -> None:
    claims = studied(tmp_path, Pretend(gain=0.4)).claims
    corrected = [claim for claim in claims if "p after Holm" in claim.row]
    assert len(corrected) == 11
    assert claims[0] not in corrected
    assert not any(claim.expected == "within" for claim in corrected)


def test_the_result_is_json_and_drawn_from_it(tmp_path: Path) -> None:
    result = studied(tmp_path / "clips", Pretend(gain=0.2))
    text = json.dumps(result.json_value(), allow_nan=False)
    assert len(text) < 100_000  # clips stay in their own files
    again = read(json.loads(text), tmp_path)
    assert [claim.verdict for claim in again.claims] == [claim.verdict for claim in result.claims]
    assert keep.write(again, tmp_path).stat().st_size > 10_000
    assert "| exact, 50% of the steps | 64 | 48 |" in (tmp_path / "shapes-video.md").read_text()


def test_settings_are_judged_on_a_split_of_their_own(tmp_path: Path) -> None:
    pretend = Pretend(gain=0.4)
    result = settings.result("video", SEARCH, rendering(tmp_path, pretend), seed=0)
    splits = [pairs[0][1] // 1_000_000 for _, pairs in pretend.called]
    assert splits == sorted(splits)
    assert {*splits} == {2, 4}
    assert [claim.verdict for claim in result.claims] == [HOLDS, HOLDS]
    assert result.remarks[0].startswith("Beats the strong model alone")
    json.dumps(result.json_value(), allow_nan=False)
    assert keep.write(result, tmp_path).stat().st_size > 10_000


def test_where_no_settings_win_it_is_said(tmp_path: Path) -> None:
    result = settings.result("video", SEARCH, rendering(tmp_path, Pretend()), seed=0)
    assert result.remarks[0].startswith("None of them beats the strong model alone")


def test_a_model_without_weights_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FOLDERS, "dit", tmp_path / "none")
    for run in (study.run, settings.run):
        with pytest.raises(InputError, match="no weights of the shapes model 'dit'") as refused:
            run("dit", seed=0, quick=True)
        assert "\n" not in str(refused.value)
