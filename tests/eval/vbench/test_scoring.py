"""Scores are kept by content, as they come; what goes wrong is told, and keeps nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from w2sd_video.eval.errors import CRASHED, NOT_THERE, TIMED_OUT, UNUSABLE
from w2sd_video.eval.results import Results, scores_of
from w2sd_video.eval.vbench import process, scoring, weights

from w2sd_video.render.errors import InputError

from ..noise import write_clip
from .conftest import Evaluate, Fake, expected, make_environment

pytestmark = pytest.mark.usefixtures("weightless")


def test_what_is_scored_is_not_scored_again(score: Evaluate, clips: Path, fake: Fake) -> None:
    [first] = score().outcomes
    assert first.values == {"": (pytest.approx(expected(clips)), 3)}
    assert (first.scored, first.kept, first.code) == (3, 0, 0)
    [again] = score().outcomes
    assert again.values == first.values
    assert (again.scored, again.kept) == (0, 3)
    assert len(fake.calls) == 1
    assert (clips / "eval" / "temporal_flickering.log").read_text()


def test_by_other_weights_clips_are_scored_again(
    score: Evaluate, fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"imaging_quality": (weights.Weight("musiq*.pth", 0, "somewhere"),)}
    monkeypatch.setattr(weights, "WEIGHTS", weights.WEIGHTS | files)
    own, copied, other, none = (tmp_path / name for name in ("own", "copied", "other", "none"))
    for folder in (own, copied, other, none):
        folder.mkdir()
    for folder, numbers in ((own, b"12"), (copied, b"12"), (other, b"13")):
        (folder / "musiq.pth").write_bytes(numbers)
    for folder, scored in ((own, 3), (copied, 0), (other, 3), (own, 0), (none, 0)):
        [outcome] = score("imaging_quality", weights=folder).outcomes
        assert (outcome.code, outcome.scored, outcome.kept) == (0, scored, 3 - scored)
        assert outcome.values[""][1] == 3


def test_what_is_asked_again_is_what_a_comparison_reads(
    score: Evaluate, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"imaging_quality": (weights.Weight("musiq*.pth", 0, "somewhere"),)}
    monkeypatch.setattr(weights, "WEIGHTS", weights.WEIGHTS | files)
    named = {path.stem: path for path in clips.glob("*.mp4")}
    sources = {}
    for name in ("own", "other", "own", "other"):
        place = tmp_path / name
        place.mkdir(exist_ok=True)
        (place / "musiq.pth").write_bytes(name.encode())
        score("imaging_quality", weights=place)
        read = {of["imaging_quality"].source for of in scores_of(named, clips).values()}
        assert len(read) == 1
        assert sources.setdefault(name, read) == read
    assert sources["own"] != sources["other"]


def test_a_changed_clip_is_scored_again_and_a_renamed_one_is_not(
    score: Evaluate, clips: Path, fake: Fake
) -> None:
    score()
    write_clip(clips / "a cat-0.mp4", 9)
    (clips / "a dog-1.mp4").rename(clips / "a dog-7.mp4")
    [outcome] = score().outcomes
    assert fake.calls[1:] == [("temporal_flickering", ["a cat-0.mp4"])]
    assert outcome.values[""][0] == pytest.approx(expected(clips))


def test_where_the_prompt_matters_another_prompt_is_another_clip(
    score: Evaluate, clips: Path, fake: Fake
) -> None:
    score("temporal_style")
    (clips / "a dog-1.mp4").rename(clips / "a dog-7.mp4")
    score("temporal_style")
    assert len(fake.calls) == 1
    (clips / "a cat-0.mp4").rename(clips / "a cow-0.mp4")
    score("temporal_style")
    assert fake.calls[1:] == [("temporal_style", ["a cow-0.mp4"])]


def test_equal_clips_are_scored_once_and_count_twice(
    score: Evaluate, clips: Path, fake: Fake
) -> None:
    shutil.copy(clips / "a dog-0.mp4", clips / "a dog-2.mp4")
    [outcome] = score().outcomes
    assert [len(names) for _, names in fake.calls] == [3]
    assert outcome.values[""] == (pytest.approx(expected(clips)), 4)


def test_values_are_on_the_aggregates_scale(score: Evaluate, clips: Path) -> None:
    report = score("imaging_quality", "dynamic_degree")
    image, dynamic = (outcome.values[""][0] for outcome in report.outcomes)
    assert image == pytest.approx(expected(clips))
    assert dynamic == pytest.approx(expected(clips, "dynamic_degree"))
    with Results(clips) as results:
        kept = results.of("imaging_quality", scoring.SOURCE)
        assert set(results.of("dynamic_degree", scoring.SOURCE).values()) <= {0.0, 1.0}
    assert max(kept.values()) <= 1.0


FAULTS = {
    "crash": (CRASHED, "with exit code 1: would not load"),
    "signal": (CRASHED, "by signal 11"),
    "truncated": (UNUSABLE, "result is broken"),
    "nothing": (UNUSABLE, "left no result"),
    "list": (UNUSABLE, "no JSON object"),
    "nan": (UNUSABLE, "is nan, not a finite number"),
    "nan aggregate": (UNUSABLE, "the aggregate is nan"),
    "text": (UNUSABLE, "is 'good', not a finite number"),
    "missing": (UNUSABLE, "2 of 3 clips have a value; the first without: "),
    "empty": (UNUSABLE, "0 of 3 clips have a value"),
    "twice": (UNUSABLE, "names a clip twice"),
    "stranger": (UNUSABLE, "not asked about"),
    "no path": (UNUSABLE, "where a clip should be"),
    "no list": (UNUSABLE, "lists no clips"),
    "other aggregate": (UNUSABLE, "VBench's aggregate is"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_runner(fault: str, score: Evaluate, clips: Path, fake: Fake) -> None:
    code, words = FAULTS[fault]
    fake.set(fault)
    report = score()
    [outcome] = report.outcomes
    assert (report.code, outcome.code, outcome.values) == (code, code, {})
    assert words in outcome.reasons[0]
    with Results(clips) as results:
        assert results.of("temporal_flickering", scoring.SOURCE) == {}
    fake.set("")
    assert score().code == 0


def test_a_hung_runner(
    score: Evaluate, tmp_path: Path, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_CHILD", str(tmp_path / "child"))
    fake.set("hang")
    report = score(silence=1.0)
    assert report.code == TIMED_OUT
    assert "silent for 1 s" in report.outcomes[0].reasons[0]


def test_one_dimension_fails_and_the_others_are_scored(
    score: Evaluate, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lacking = {**weights.WEIGHTS, "aesthetic_quality": (weights.Weight("x.pth", 3, "there"),)}
    monkeypatch.setattr(weights, "WEIGHTS", lacking)
    report = score(
        "aesthetic_quality", "color", "scene", "temporal_flickering", "motion_smoothness"
    )
    reasons = [outcome.reasons[:1] for outcome in report.outcomes]
    assert reasons == [
        [f"missing: {tmp_path}/vbench/x.pth, about 3 MB, from there"],
        ["needs detectron2, which no registry carries"],
        ["is for VBench's own prompts only (--mode standard)"],
        [],
        [],
    ]
    assert report.code == NOT_THERE
    assert report.totals("") == {"quality": None, "semantic": None, "total": None}


def test_an_interruption_loses_the_running_dimension_only(
    score: Evaluate, clips: Path, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = process.run_task

    def interrupted(python: Path, request: dict[str, object], *rest: object) -> dict[str, object]:
        if request["dimension"] == "motion_smoothness":
            raise KeyboardInterrupt
        return run(python, request, *rest)

    monkeypatch.setattr(process, "run_task", interrupted)
    names = ("temporal_flickering", "motion_smoothness", "imaging_quality")
    with pytest.raises(KeyboardInterrupt):
        score(*names)
    monkeypatch.undo()
    monkeypatch.setattr(weights, "WEIGHTS", dict.fromkeys(weights.WEIGHTS, ()))
    report = score(*names, script=fake.log.parent / "no.py")
    assert [outcome.code for outcome in report.outcomes] == [0, CRASHED, CRASHED]


def test_clips_that_are_too_short_are_named(score: Evaluate, clips: Path, fake: Fake) -> None:
    write_clip(clips / "a fly-0.mp4", 5, frames=2)
    report = score("motion_smoothness", "temporal_flickering")
    assert report.outcomes[0].reasons == [f"{clips}/a fly-0.mp4 has 2 frames, and it needs 3"]
    assert [task for task, _ in fake.calls] == ["temporal_flickering"]


def test_without_an_environment(score: Evaluate, tmp_path: Path, vbench: Path) -> None:
    with pytest.raises(InputError, match="not set up here; run: w2sd-video vbench setup"):
        score(environment=tmp_path / "no")
    half = make_environment(tmp_path / "half")
    (half / "w2sd-video.json").write_text(
        (vbench / "w2sd-video.json").read_text().split('"dimensions"')[0] + '"dimensions": {}}'
    )
    with pytest.raises(InputError, match="in part only; run: w2sd-video vbench setup"):
        score(environment=half)
