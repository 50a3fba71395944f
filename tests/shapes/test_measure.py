"""What models are measured on, and ``w2sd-video shapes measure``."""

from __future__ import annotations

import json

import pytest

from w2sd_video.shapes import measure
from w2sd_video.shapes.measure import DEVELOPMENT_SEED, held_out_pairs
from w2sd_video.shapes.score import Grade

from ..conftest import Call, needs_weights


@pytest.mark.parametrize("things", [1, 2])
def test_pairs_are_held_out_and_those_of_development_are_others(things: int) -> None:
    measured = held_out_pairs(things, 512)
    development = held_out_pairs(things, 512, DEVELOPMENT_SEED)
    for scene, _ in measured + development:
        assert scene.held_out
        assert len(scene.things) == things
    assert len({seed for _, seed in measured + development}) == 1024
    assert measured[:8] == held_out_pairs(things, 8)


@needs_weights
def test_an_image_s_grades_are_json_and_leave_motion_open(call: Call) -> None:
    asked = ["shapes", "measure", "image", "--pairs", "2", "--steps", "2"]
    done = call(*asked)
    assert done.code == 0

    def no_constant(name: str) -> float:
        raise AssertionError(f"{name} is not JSON")

    found = json.loads(done.out.splitlines()[-1], parse_constant=no_constant)
    assert found["pairs"] == 2
    assert found["motion"] is None
    assert 0 <= found["everything"] <= 1


@needs_weights
def test_the_option_takes_the_pairs_of_development(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def only_told(pipe: object, pairs: list, **_: object) -> list:
        seen.append(pairs)
        return [Grade(*[1.0] * 7)]

    monkeypatch.setattr(measure, "grade_pipeline", only_told)
    for option in ([], ["--development"]):
        assert call("shapes", "measure", "image", "--pairs", "3", *option).code == 0
    assert seen == [held_out_pairs(1, 3), held_out_pairs(1, 3, DEVELOPMENT_SEED)]
