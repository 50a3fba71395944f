"""From the development split to the verdicts, on clips that are pretended."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from w2sd_video.eval.evidence import keep
from w2sd_video.eval.evidence.embedded.rendering import Wanted
from w2sd_video.eval.evidence.embedded.store import Pair, Row
from w2sd_video.eval.evidence.result import HOLDS, Result, read
from w2sd_video.eval.evidence.video.columns import Column
from w2sd_video.eval.evidence.video.comparison import study
from w2sd_video.eval.evidence.video.comparison.choice import choose
from w2sd_video.eval.evidence.video.comparison.claims import BEST, CLAIMS, EQUAL, Chosen, columns
from w2sd_video.eval.evidence.video.comparison.report import Report
from w2sd_video.eval.evidence.video.metrics import METRICS
from w2sd_video.eval.evidence.video.outcomes import Differences, Found
from w2sd_video.eval.evidence.video.outcomes import Test as Compared
from w2sd_video.eval.evidence.video.pairs import FIRST, captions, split_pairs
from w2sd_video.eval.evidence.video.plan import FULL
from w2sd_video.eval.evidence.video.sampler import Videos
from w2sd_video.eval.evidence.video.settings import study as settings

from w2sd_video.render.errors import InputError
from w2sd_video.shapes import FOLDERS

from ..pretend import Pretend, rendering

PLAN = replace(FULL, dev=48, test=64, grid=16)


def studied(folder: Path, pretend: Pretend) -> Result:
    return study.result("video", PLAN, rendering(folder, pretend), seed=0)


@pytest.mark.parametrize("best", [1.0, 1.5, 2.5, 6.0])
def test_the_guidance_that_is_best_is_found_also_beyond_the_start(
    best: float, tmp_path: Path
) -> None:
    pretend = Pretend(best=best)
    choice = choose(PLAN, rendering(tmp_path, pretend), split_pairs("dev", 256))
    chosen = choice.chosen
    assert (chosen.strong, chosen.equal, chosen.reflected, chosen.extrapolated) == (best,) * 4
    assert chosen.effective == pytest.approx(best + 0.7, abs=0.01)
    assert chosen.reflecting == pytest.approx(best + 1.4, abs=0.01)
    called = {column for column, _ in pretend.called}
    for family, own in choice.tried.items():
        assert {*own.values()} <= called
        assert all(column.guidance == guidance for guidance, column in own.items())
        assert {*own} >= {*PLAN.start, best}, family
        assert (6.0 in own) == (best >= 4)


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


def test_more_than_guidance_takes_both_arms_and_the_best_guidance(tmp_path: Path) -> None:
    def is_shown(pretend: Pretend) -> tuple[list[str], bool]:
        result = studied(tmp_path / str(pretend.gain) / str(pretend.best), pretend)
        claims = [result.claims[0]]
        claims += [
            c for c in result.claims if c.text.lower().startswith(("more than g", "and more"))
        ]
        assert len(claims) == 3
        shown = result.remarks[1].startswith("That reflection does more than guidance is shown")
        return [claim.verdict for claim in claims], shown

    assert is_shown(Pretend(gain=0.4)) == ([HOLDS] * 3, True)
    # What is matched over all steps falls short of what reflection has, over its own it does not.
    verdicts, shown = is_shown(Pretend(best=3.9))
    assert HOLDS in verdicts[1:]
    assert verdicts[1:] != [HOLDS] * 2
    assert not shown
    # Strong is at its best where reflection begins: both arms are past it, and worse for that.
    verdicts, shown = is_shown(Pretend(best=2.5, past=0.4))
    assert verdicts[0] != HOLDS
    assert verdicts[1:] == [HOLDS] * 2
    assert not shown


def test_paths_are_compared_where_nothing_is_missing() -> None:
    pairs = split_pairs("test", 2)
    made = {key: {"jitter": 0.5, "psnr_complete": psnr} for key, psnr in (("a", 20.0), ("b", None))}

    class Rows:
        def of(self, column: Column, pair: Pair) -> Row:
            values = dict.fromkeys([*METRICS, "guidance"], 1.0) | made["ab"[pairs.index(pair)]]
            return Row("", {}, "", 0, values, 16, 1.0)

    means = Found.of(cast(Videos, Rows()), Column(8, 2.5), pairs)
    column = [*METRICS].index("jitter_complete")
    assert means.values[0, column] == 0.5
    assert np.isnan(means.values[1, column])
    assert [*means.values[:, [*METRICS].index("jitter")]] == [0.5, 0.5]


def test_each_comparison_is_asked_once(tmp_path: Path) -> None:
    """A reflection without guidance takes as many evaluations as strong in as many steps with."""
    chosen = Chosen(2.5, 2.5, 1.0, 1.0, effective=1.8, reflecting=2.6)
    planned, pairs = columns(PLAN, chosen), split_pairs("test", 16)
    assert planned[BEST] == planned[EQUAL]
    made = rendering(tmp_path, Pretend())
    made.get(Wanted(column, pairs) for column in planned.values())
    found = {label: Found.of(made, column, pairs) for label, column in planned.items()}
    asked = [claim.text for claim in Report(PLAN, chosen, found).claims]
    assert len(asked) == len(CLAIMS) - 1
    assert not any(text.startswith("More than strong in as many steps") for text in asked)


def test_how_many_captions_there_are_is_told(tmp_path: Path) -> None:
    about = studied(tmp_path, Pretend()).about
    one, two = (len({*captions(split_pairs("test", PLAN.test), things)}) for things in (1, 2))
    assert one < 32
    assert f"16 of one thing, with {one} captions, and 48 of two, with {two}." in about


def test_a_gain_on_one_caption_is_a_gain_on_one_however_many_pairs_it_has() -> None:
    scene = split_pairs("test", 1)[0][0]
    found = {
        label: Found(Column(8, 2.5), [(scene, i) for i in range(12)],
                     np.full((12, len(METRICS)), value), 16, 2.5)
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
    page = (tmp_path / "shapes-video.md").read_text()
    assert "| exact, 50% of the steps | 64 | 8 | 4 | 32 |" in page
    assert "| extrapolate, 50% of the steps | 64 | 11 | 6 | 34 |" in page
    assert "| extrapolate, 50% of the steps | strong, equal evaluations | 34 and 32 |" in page
    assert "| guidance 1.5 | guidance 2.5 | guidance 4 |" in page


def test_a_model_without_weights_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FOLDERS, "dit", tmp_path / "none")
    for run in (study.run, settings.run):
        with pytest.raises(InputError, match="no weights of the shapes model 'dit'") as refused:
            run("dit", seed=0, quick=True)
        assert "\n" not in str(refused.value)
