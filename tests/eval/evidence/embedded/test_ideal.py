"""The ideal clip is the world's own where a clip is right, and far from it where it is wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from w2sd_video.eval.evidence.embedded.ideal import RANGES, complete, iou, nearest, psnr

from w2sd_video.shapes.world import (
    BACKGROUNDS,
    FRAMES,
    SIZE,
    Scene,
    draw,
    sample_clip,
    sample_paths,
    sample_scene,
)

CIRCLE = Scene.parse("a red circle moving left on a white background")


def held_against(scene: Scene, clip: np.ndarray) -> tuple[float, float]:
    ideal = nearest(clip, scene)
    return psnr(clip, ideal), iou(clip, ideal, scene)


@pytest.mark.parametrize("things", [1, 2])
def test_what_the_world_draws_is_ideal(things: int) -> None:
    rng = np.random.default_rng(things)
    for _ in range(6):
        scene = sample_scene(rng, things)
        decibels, overlap = held_against(scene, sample_clip(scene, rng))
        assert decibels > 40
        assert overlap > 0.95


@pytest.mark.parametrize("things", RANGES)
def test_the_ranges_are_the_world_s(things: int) -> None:
    rng = np.random.default_rng(things)
    paths = [sample_paths(sample_scene(rng, things), rng) for _ in range(60)]
    speeds = np.array([np.abs(np.diff(c, axis=0)).max(axis=2)[0] for c, _ in paths])
    radii = np.array([r for _, r in paths])
    found = speeds.min(), speeds.max(), radii.min(), radii.max()
    slow, fast, small, large = RANGES[things]
    assert found == pytest.approx(RANGES[things], abs=0.15)
    assert slow <= found[0] + 1e-9 <= found[1] <= fast + 1e-9
    assert small <= found[2] <= found[3] <= large


@pytest.mark.parametrize(
    ("change", "most"),
    [
        ({"direction": "right"}, 0.4),
        ({"shape": "ring"}, 0.9),
        ({"color": "blue"}, 0.01),  # no pixel of it is the nearer to red
    ],
)
def test_what_is_wrong_costs(change: dict[str, str], most: float) -> None:
    rng = np.random.default_rng(1)
    other = replace(CIRCLE, things=(replace(CIRCLE.things[0], **change),))
    right, wrong = (held_against(CIRCLE, sample_clip(scene, rng)) for scene in (CIRCLE, other))
    assert wrong[1] < most < right[1]
    assert wrong[0] < right[0] - 10


def test_a_thing_that_is_missing_overlaps_nothing() -> None:
    empty = np.full((FRAMES, SIZE, SIZE, 3), BACKGROUNDS["white"], np.uint8)
    decibels, overlap = held_against(CIRCLE, empty)
    assert overlap == 0
    assert decibels < 20


def test_noise_costs_decibels_and_hardly_any_overlap() -> None:
    rng = np.random.default_rng(1)
    clip = sample_clip(CIRCLE, rng)
    noisy = np.clip(clip + rng.normal(0, 10, clip.shape), 0, 255).astype(np.uint8)
    decibels, overlap = held_against(CIRCLE, noisy)
    assert 25 < decibels < 32
    assert overlap > 0.9


PAIR = Scene.parse("a red square and a blue circle on a white background")


def middle_only(which: int) -> np.ndarray:
    """Just one of the pair's things, where the other one would be drawn."""
    middle = np.full((1, 1, 2), SIZE / 2)
    return draw(Scene(PAIR.things[which : which + 1], PAIR.background), middle, np.array([8.5]))


@pytest.mark.parametrize("which", [0, 1])
def test_a_thing_that_is_missing_has_no_overlap_and_hides_nothing(which: int) -> None:
    alone = middle_only(which)
    overlap = iou(alone, nearest(alone, PAIR), PAIR)
    assert 0.4 < overlap <= 0.5  # of the two things one is as it should be
    assert iou(alone, alone, PAIR) == pytest.approx(0.5)


def test_a_clip_is_complete_when_all_things_are_there_in_their_colors() -> None:
    rng = np.random.default_rng(0)
    clip = sample_clip(PAIR, rng)
    assert complete(clip, PAIR)
    assert not complete(middle_only(0), PAIR)
    green = replace(PAIR, things=(PAIR.things[0], replace(PAIR.things[1], color="green")))
    assert not complete(sample_clip(green, rng), PAIR)
    gone = clip.copy()
    gone[: FRAMES // 2] = BACKGROUNDS["white"]
    assert not complete(gone, PAIR)
