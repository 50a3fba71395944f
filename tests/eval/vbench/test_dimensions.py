"""The 16 dimensions, and their totals."""

from __future__ import annotations

import pytest
from w2sd_video.eval.vbench.dimensions import DEFAULT, DIMENSIONS, chosen, totals

from w2sd_video.render.errors import InputError

# A model's row of the leaderboard, in percent, and its totals, as remembered: the source could not
# be read here, but totals that follow from the row to .01 can hardly be wrong together with it.
PUBLISHED = {
    "subject_consistency": 91.41,
    "background_consistency": 97.47,
    "temporal_flickering": 98.30,
    "motion_smoothness": 96.38,
    "dynamic_degree": 49.72,
    "aesthetic_quality": 54.94,
    "imaging_quality": 61.90,
    "object_class": 91.82,
    "multiple_objects": 33.32,
    "human_action": 96.80,
    "color": 86.39,
    "spatial_relationship": 34.09,
    "scene": 52.69,
    "appearance_style": 23.56,
    "temporal_style": 25.93,
    "overall_consistency": 26.41,
}
TOTALS = {"quality": 78.78, "semantic": 70.31, "total": 77.08}


def test_totals_are_the_published_ones() -> None:
    found = totals({name: value / 100 for name, value in PUBLISHED.items()})
    assert {name: round(100 * (value or 0), 2) for name, value in found.items()} == pytest.approx(
        TOTALS, abs=0.011
    )


@pytest.mark.parametrize("lacking", PUBLISHED)
def test_no_total_of_incomplete_dimensions(lacking: str) -> None:
    found = totals({name: v / 100 for name, v in PUBLISHED.items() if name != lacking})
    group = DIMENSIONS[lacking].group
    other = {"quality": "semantic", "semantic": "quality"}[group]
    assert found[group] is None
    assert found["total"] is None
    assert found[other] is not None


def test_longer_clips_weigh_more_where_they_officially_do() -> None:
    clips = [(1.0, 2), (0.5, 4)]  # of one pair of frames and of three
    assert DIMENSIONS["subject_consistency"].aggregate(clips) == pytest.approx(2.5 / 4)
    assert DIMENSIONS["appearance_style"].aggregate(clips) == pytest.approx(4 / 6)
    assert DIMENSIONS["aesthetic_quality"].aggregate(clips) == pytest.approx(0.75)
    with pytest.raises(ValueError, match="no clips"):
        DIMENSIONS["color"].aggregate([])


def test_samples() -> None:
    assert DIMENSIONS["temporal_flickering"].samples == 25
    assert {d.samples for d in DIMENSIONS.values() if d.name != "temporal_flickering"} == {5}


def test_chosen() -> None:
    assert [d.name for d in chosen(["color", "scene", "color"], "x")] == ["color", "scene"]
    assert len(chosen(["all"], "x")) == 16
    assert len(chosen(DEFAULT, "x")) == 7
    with pytest.raises(InputError, match="x: unknown dimension 'scenes', did you mean 'scene'"):
        chosen(["scenes"], "x")
