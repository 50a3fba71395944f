"""The scorer reads ground truth perfectly and catches every single thing that is wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from w2sd_video.shapes.score import grade, summary
from w2sd_video.shapes.world import Scene, sample_clip, sample_scene

ONE = Scene.parse("a red circle moving left on a white background")
TWO = Scene.parse("a red ring moving left and a blue cross moving up on a white background")


def clip_of(scene: Scene, seed: int = 0) -> np.ndarray:
    return sample_clip(scene, np.random.default_rng(seed))


def with_thing(scene: Scene, index: int, **changes: str) -> Scene:
    things = list(scene.things)
    things[index] = replace(things[index], **changes)
    return replace(scene, things=tuple(things))


@pytest.mark.parametrize("things", [1, 2])
def test_ground_truth_is_right_in_everything(things: int) -> None:
    rng = np.random.default_rng(2)
    grades = []
    for _ in range(150):
        scene = sample_scene(rng, things)
        grades.append(grade(sample_clip(scene, rng), scene))
    means = summary(grades)
    assert means.pop("jitter") < 0.3
    assert set(means.values()) == {1.0}


@pytest.mark.parametrize(
    ("attribute", "changes"),
    [
        ("color", {"color": "green"}),
        ("shape", {"shape": "square"}),
        ("motion", {"direction": "right"}),
    ],
)
def test_one_wrong_attribute_is_seen_and_only_that(attribute: str, changes: dict[str, str]) -> None:
    found = grade(clip_of(with_thing(ONE, 0, **changes)), ONE)
    right = {"count", "color", "shape", "motion", "background"} - {attribute}
    assert getattr(found, attribute) == 0
    assert all(getattr(found, name) == 1 for name in right)
    assert found.everything == 0


def test_a_wrong_background_is_seen() -> None:
    found = grade(clip_of(replace(ONE, background="gray")), ONE)
    assert (found.background, found.shape, found.everything) == (0, 1, 0)


def test_attributes_must_be_bound_to_the_right_object() -> None:
    swapped = Scene.parse("a red cross moving left and a blue ring moving up on a white background")
    found = grade(clip_of(swapped), TWO)
    assert (found.color, found.shape, found.motion, found.everything) == (1, 0, 1, 0)
    crossed = Scene.parse("a red ring moving up and a blue cross moving left on a white background")
    found = grade(clip_of(crossed), TWO)
    assert (found.shape, found.motion, found.everything) == (1, 0, 0)


def test_order_in_the_caption_does_not_matter() -> None:
    turned = replace(TWO, things=TWO.things[::-1])
    assert grade(clip_of(turned), TWO).everything == 1


def test_one_of_two_objects_missing_is_half_right() -> None:
    alone = replace(TWO, things=TWO.things[:1])
    found = grade(clip_of(alone), TWO)
    assert (found.count, found.shape, found.motion, found.everything) == (0, 0.5, 0.5, 0)


def test_an_object_too_many_is_wrong() -> None:
    found = grade(clip_of(TWO), replace(TWO, things=TWO.things[:1]))
    assert (found.count, found.everything) == (0, 0)


def test_noise_and_nothing_are_wrong() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (16, 64, 64, 3), dtype=np.uint8)
    empty = np.full((16, 64, 64, 3), 250, np.uint8)
    for clip in (noise, empty):
        assert grade(clip, ONE).everything == 0
    assert np.isnan(grade(empty, ONE).jitter)


def test_a_still_object_does_not_move() -> None:
    clip = np.repeat(clip_of(ONE)[:1], 16, axis=0)
    assert grade(clip, ONE).motion == 0


def test_a_trembling_path_shows_as_jitter() -> None:
    clip = clip_of(ONE)
    trembling = np.stack([np.roll(f, (-1) ** i * 2, axis=0) for i, f in enumerate(clip)])
    assert grade(trembling, ONE).jitter > 1.5 > 0.3 > grade(clip, ONE).jitter


def test_one_frame_is_graded_without_motion() -> None:
    found = grade(clip_of(ONE)[:1], ONE)
    assert np.isnan(found.motion)
    assert found.everything == 1


def test_other_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"must be uint8 of shape \(frames, 64, 64, 3\)"):
        grade(np.zeros((16, 32, 32, 3), np.uint8), ONE)
