"""Scores are kept by content, as they come; what goes wrong is told, and keeps nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from w2sd_video.eval.errors import CRASHED, NOT_THERE, TIMED_OUT, UNUSABLE
from w2sd_video.eval.results import Results, scores_of
from w2sd_video.eval.vbench import process, scoring, told, weights
from w2sd_video.eval.vbench.dimensions import DIMENSIONS, chosen
from w2sd_video.eval.vbench.scoring import Report, Request, evaluate

from w2sd_video.render.errors import InputError

from ..noise import write_clip
from .conftest import Fake, make_environment
from .fake_runner import value

Evaluate = Callable[..., Report]


@pytest.fixture(autouse=True)
def _all_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """The runner here needs none."""
    monkeypatch.setattr(weights, "WEIGHTS", dict.fromkeys(weights.WEIGHTS, ()))


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    folder = tmp_path / "clips"
    for i, name in enumerate(("a dog-0", "a dog-1", "a cat-0")):
        write_clip(folder / f"{name}.mp4", i)
    return folder


@pytest.fixture
def score(clips: Path, vbench: Path, fake: Fake) -> Evaluate:
    """Score the clips on dimensions, given by name."""

    def run(*names: str, **changes: object) -> Report:
        dimensions = chosen(names or ["temporal_flickering"], "")
        request = Request(clips, dimensions, "custom", vbench, vbench, 20.0)
        return evaluate(replace(request, **changes), lambda line: None)

    return run


def expected(clips: Path, name: str = "temporal_flickering", of: str = "") -> float:
    request = {"task": "score", "dimension": name}
    found = [float(value(request, str(path))) for path in sorted(clips.glob(f"{of}*.mp4"))]
    return sum(found) / len(found)


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


def standard(tmp_path: Path, count: int) -> Path:
    folder = tmp_path / "standard"
    for prompt in ("a lamp, at rest", "A vase's shadow"):
        for i in range(count):
            write_clip(folder / f"{prompt}-{i}.mp4", hash((len(prompt), i)) % 1000)
    return folder


def test_flickering_is_of_still_clips(score: Evaluate, tmp_path: Path, fake: Fake) -> None:
    folder = standard(tmp_path, 12)
    [outcome] = score(folder=folder, mode="standard").outcomes
    still: list[float] = []
    for prompt in ("a lamp, at rest", "A vase's shadow"):
        paths = map(str, sorted(folder.glob(f"{prompt}-*.mp4")))
        found = [p for p in paths if value({"task": "static"}, p)]
        still += [
            float(value({"task": "score", "dimension": "temporal_flickering"}, p))
            for p in found[:5]
        ]
    assert outcome.values == {"": (pytest.approx(sum(still) / len(still)), len(still))}
    assert outcome.notes == [
        "clips of each prompt: 12, officially 25; no totals",
        f"of the {len(still)} clips of 24 that are still",
    ]
    score(folder=folder, mode="standard")
    assert [task for task, _ in fake.calls] == ["temporal_flickering", "static"]


def test_without_the_filters_weights_it_is_said(
    score: Evaluate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lacking = {**weights.WEIGHTS, "static_filter": (weights.Weight("x.pth", 3, "there"),)}
    monkeypatch.setattr(weights, "WEIGHTS", lacking)
    [outcome] = score(folder=standard(tmp_path, 1), mode="standard").outcomes
    assert outcome.values[""][1] == 2
    assert "without the official filter; no totals; missing: " in outcome.notes[1]


@pytest.fixture
def objects(tmp_path: Path, score: Evaluate) -> Evaluate:
    """Score a clip of each of two prompts, in an environment that has detectron2."""
    names = ["color", "object_class"]
    listed = [{"prompt_en": p, "dimension": names} for p in ("a red bus", "an empty road")]
    environment = make_environment(tmp_path / "with detectron2", listed, detectron=True)
    folder = tmp_path / "objects"
    for i, entry in enumerate(listed):
        write_clip(folder / f"{entry['prompt_en']}-0.mp4", i)
    return partial(score, mode="standard", environment=environment, folder=folder)


def test_where_detectron2_is_its_dimensions_are_scored(objects: Evaluate, tmp_path: Path) -> None:
    report = objects("color", "object_class")
    values = [outcome.values[""] for outcome in report.outcomes]
    mean = pytest.approx(expected(tmp_path / "objects"))
    assert (report.code, values) == (0, [(mean, 2), (mean, 2)])


def test_a_clip_that_is_left_out_is_not_asked_about_again(
    objects: Evaluate, tmp_path: Path, fake: Fake
) -> None:
    fake.set("leave out")
    folder = tmp_path / "objects"
    bus, road = folder / "a red bus-0.mp4", folder / "an empty road-0.mp4"
    number = float(value({"task": "score", "dimension": "color"}, str(bus)))

    def scored() -> tuple[int, object]:
        [outcome] = objects("color").outcomes
        assert outcome.notes[-1] == "VBench leaves out 1 of 2 clips"
        return outcome.code, outcome.values

    once = (0, {"": (pytest.approx(number), 1)})
    assert scored() == once
    assert scored() == once
    write_clip(road, 7)  # which is asked about alone, and left out again
    assert scored() == once
    assert scored() == once
    assert [names for _, names in fake.calls] == [[bus.name, road.name], [road.name]]
    found = scores_of({"bus": bus, "road": road}, folder)
    assert {clip: [*scores] for clip, scores in found.items()} == {"bus": ["color"], "road": []}


def test_of_no_clip_there_is_no_value(objects: Evaluate, tmp_path: Path, fake: Fake) -> None:
    fake.set("leave out")
    (tmp_path / "objects" / "a red bus-0.mp4").rename(tmp_path / "objects" / "x.mp4")
    listed = [{"prompt_en": "an empty road", "dimension": ["color"]}]
    environment = make_environment(tmp_path / "other", listed, detectron=True)
    for _ in range(2):
        [outcome] = objects("color", environment=environment).outcomes
        assert (outcome.code, outcome.values) == (UNUSABLE, {})
        assert outcome.reasons == ["VBench leaves out all of 1 clips"]
    assert len(fake.calls) == 1


# VBench's own table: lowest and highest value, and weight.
OFFICIAL = {
    "quality": {
        "subject_consistency": (0.1462, 1.0, 1),
        "background_consistency": (0.2615, 1.0, 1),
        "temporal_flickering": (0.6293, 1.0, 1),
        "motion_smoothness": (0.706, 0.9975, 1),
        "dynamic_degree": (0.0, 1.0, 0.5),
        "aesthetic_quality": (0.0, 1.0, 1),
        "imaging_quality": (0.0, 1.0, 1),
    },
    "semantic": {
        "object_class": (0.0, 1.0, 1),
        "multiple_objects": (0.0, 1.0, 1),
        "human_action": (0.0, 1.0, 1),
        "color": (0.0, 1.0, 1),
        "spatial_relationship": (0.0, 1.0, 1),
        "scene": (0.0, 0.8222, 1),
        "appearance_style": (0.0009, 0.2855, 1),
        "temporal_style": (0.0, 0.364, 1),
        "overall_consistency": (0.0, 0.364, 1),
    },
}


@pytest.fixture
def whole(tmp_path: Path, score: Evaluate) -> Evaluate:
    """Score five clips of a prompt that is for all dimensions, and 25 of one for flickering."""
    others = [name for name in DIMENSIONS if name != "temporal_flickering"]
    listed = [
        {"prompt_en": "a lamp", "dimension": ["temporal_flickering"]},
        {"prompt_en": "a dog", "dimension": others},
    ]
    folder = tmp_path / "whole"
    for prompt, count in (("a lamp", 25), ("a dog", 5)):
        for i in range(count):
            write_clip(folder / f"{prompt}-{i}.mp4", len(prompt) * 100 + i)
    environment = make_environment(tmp_path / "with detectron2", listed, detectron=True)
    return partial(score, "all", mode="standard", environment=environment, folder=folder)


def by_hand(report: Report) -> dict[str, float]:
    """Totals as the official script computes them."""
    values = {outcome.name: outcome.values[""][0] for outcome in report.outcomes}
    found = {}
    for group, table in OFFICIAL.items():
        shares = [
            (w, (values[name] - low) / (high - low)) for name, (low, high, w) in table.items()
        ]
        found[group] = sum(w * value for w, value in shares) / sum(w for w, _ in shares)
    return {**found, "total": (4 * found["quality"] + 1 * found["semantic"]) / 5}


def test_totals_are_the_official_ones_or_none(
    whole: Evaluate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lacking(words: str) -> set[str]:
        """What there is not, of values that all are there, and for which it is said why."""
        report = whole()
        assert all(outcome.values for outcome in report.outcomes)
        assert [line for line in told.remarks(report) if words in line]
        return {name for name, value in report.totals("").items() if value is None}

    report = whole()
    assert report.code == 0
    assert report.outcomes[-1].values[""] == (
        pytest.approx(expected(tmp_path / "whole", of="a dog")),
        5,
    )
    assert report.totals("") == pytest.approx(by_hand(report))
    assert told.as_json(report)["totals"]["clips"] == report.totals("")
    assert not [line for line in told.remarks(report) if "totals" in line]

    # From here on nothing is scored anew.
    with monkeypatch.context() as patch:
        file = weights.Weight("x.pth", 3, "there")
        patch.setattr(weights, "WEIGHTS", {**weights.WEIGHTS, "static_filter": (file,)})
        assert lacking("without the official filter; no totals") == {"quality", "total"}
    (tmp_path / "whole" / "a lamp-24.mp4").unlink()
    flickering = "temporal_flickering: clips of each prompt: 24, officially 25; no totals"
    assert lacking(flickering) == {"quality", "total"}
    (tmp_path / "whole" / "a dog-4.mp4").unlink()
    scene = "scene: clips of each prompt: 4, officially 5; no totals"
    assert lacking(scene) == {"quality", "semantic", "total"}


def test_long_clips_are_refused_by_the_standard_mode_only(
    score: Evaluate, clips: Path, fake: Fake
) -> None:
    write_clip(clips / "a dog-0.mp4", frames=20, fps=4)
    with pytest.raises(InputError, match="VBench-Long"):
        score(mode="standard")
    assert not fake.calls
    assert score().code == 0


def test_without_an_environment(score: Evaluate, tmp_path: Path, vbench: Path) -> None:
    with pytest.raises(InputError, match="not set up here; run: w2sd-video vbench setup"):
        score(environment=tmp_path / "no")
    half = make_environment(tmp_path / "half")
    (half / "w2sd-video.json").write_text(
        (vbench / "w2sd-video.json").read_text().split('"dimensions"')[0] + '"dimensions": {}}'
    )
    with pytest.raises(InputError, match="in part only; run: w2sd-video vbench setup"):
        score(environment=half)
