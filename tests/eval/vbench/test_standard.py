"""Standard mode: VBench's own prompts, its filter, and its totals."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from w2sd_video.eval.clips import find
from w2sd_video.eval.errors import UNUSABLE
from w2sd_video.eval.results import scores_of
from w2sd_video.eval.vbench import scoring, told, weights
from w2sd_video.eval.vbench.dimensions import DIMENSIONS
from w2sd_video.eval.vbench.scoring import Report

from w2sd_video.render.errors import InputError

from ..noise import write_clip
from .conftest import Evaluate, Fake, expected, make_environment
from .fake_runner import value

pytestmark = pytest.mark.usefixtures("weightless")


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


def test_clips_of_several_settings_give_no_totals(
    whole: Evaluate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a run with other settings was cut off."""

    def mixed(folder: Path) -> list[scoring.Clip]:
        return [replace(clip, side="plain", settings=clip.name[-1]) for clip in find(folder)]

    monkeypatch.setattr(scoring, "find", mixed)
    report = whole()
    assert all(outcome.values for outcome in report.outcomes)
    assert {*report.totals("plain").values()} == {None}
    [note] = {line for line in told.remarks(report) if line.startswith("scene:")}
    assert note == (
        "scene: plain clips are not all of one setting, so the mean is of several; no totals;"
        " render the list to its end, or into a folder of its own"
    )


def test_what_is_left_out_by_the_weights_asked_last_has_no_score(
    objects: Evaluate, tmp_path: Path, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"color": (weights.Weight("grit*.pth", 0, "somewhere"),)}
    monkeypatch.setattr(weights, "WEIGHTS", weights.WEIGHTS | files)
    clips = {path.stem: path for path in (tmp_path / "objects").glob("*.mp4")}

    def scored(name: str, fault: str) -> set[str]:
        place = tmp_path / name
        place.mkdir(exist_ok=True)
        (place / "grit.pth").write_bytes(name.encode())
        fake.set(fault)
        objects("color", weights=place)
        return {clip for clip, of in scores_of(clips, tmp_path / "objects").items() if of}

    assert scored("own", "") == {"a red bus-0", "an empty road-0"}
    assert scored("other", "leave out") == {"a red bus-0"}
    assert scored("own", "") == {"a red bus-0", "an empty road-0"}
    assert scored("other", "leave out") == {"a red bus-0"}


def test_long_clips_are_refused_by_the_standard_mode_only(
    score: Evaluate, clips: Path, fake: Fake
) -> None:
    write_clip(clips / "a dog-0.mp4", frames=20, fps=4)
    with pytest.raises(InputError, match="VBench-Long"):
        score(mode="standard")
    assert not fake.calls
    assert score().code == 0
