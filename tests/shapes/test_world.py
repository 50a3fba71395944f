"""The shapes world: captions and the clips they describe."""

from __future__ import annotations

import numpy as np
import pytest

from w2sd_video.shapes.world import (
    FRAMES,
    SHAPES,
    SIZE,
    Scene,
    Thing,
    draw,
    sample_clip,
    sample_paths,
    sample_scene,
    signed_distance,
)

TWO = "a red ring moving left and a blue cross moving up on a white background"


@pytest.mark.parametrize(
    "caption", [TWO, "a green square moving down on a gray background", "a cyan circle"]
)
def test_a_caption_reads_back(caption: str) -> None:
    scene = Scene.parse(caption)
    assert scene is not None
    assert scene.caption == caption


@pytest.mark.parametrize(
    "caption", ["", "a pink circle", "a red dog on a white background", TWO + " at night"]
)
def test_what_is_no_caption_is_none(caption: str) -> None:
    assert Scene.parse(caption) is None


@pytest.mark.parametrize("things", [1, 2])
def test_training_never_draws_a_held_out_caption(things: int) -> None:
    rng = np.random.default_rng(0)
    seen = {sample_scene(rng, things).caption for _ in range(2000)}
    held = {sample_scene(rng, things, held_out=True).caption for _ in range(500)}
    assert not seen & held
    assert len(held) > 30
    assert all(Scene.parse(c).held_out for c in held)


@pytest.mark.parametrize("things", [1, 2])
def test_paths_stay_inside_and_apart_and_go_where_the_caption_says(things: int) -> None:
    rng = np.random.default_rng(1)
    for _ in range(100):
        scene = sample_scene(rng, things)
        centres, radii = sample_paths(scene, rng)
        assert centres.shape == (FRAMES, things, 2)
        assert (centres - radii[:, None] > 0).all()
        assert (centres + radii[:, None] < SIZE).all()
        for i, thing in enumerate(scene.things):
            moved = centres[-1, i] - centres[0, i]
            x, y = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}[
                thing.direction
            ]
            assert moved @ (x, y) > 15
            assert abs(moved @ (y, x)) < 1e-9
        if things == 2:
            gap = np.linalg.norm(centres[:, 0] - centres[:, 1], axis=-1)
            assert gap.min() > radii.sum()
            first, second = centres.mean(axis=0).sum(axis=-1)
            assert first < second  # named in reading order


def test_a_clip_depends_on_its_generator_alone() -> None:
    scene = Scene.parse(TWO)
    clips = [sample_clip(scene, np.random.default_rng(seed)) for seed in (3, 3, 4)]
    assert clips[0].shape == (FRAMES, SIZE, SIZE, 3)
    assert clips[0].dtype == np.uint8
    assert (clips[0] == clips[1]).all()
    assert (clips[0] != clips[2]).any()


def test_edges_are_antialiased_and_flats_are_flat() -> None:
    scene = Scene((Thing("red", "square"),), "white")
    clip = draw(scene, np.array([[[32.3, 32.3]]]), np.array([10.0]))
    assert tuple(clip[0, 32, 32]) == (214, 48, 49)
    assert tuple(clip[0, 0, 0]) == (250, 250, 250)
    assert len(np.unique(clip.reshape(-1, 3), axis=0)) > 2


@pytest.mark.parametrize("shape", SHAPES)
def test_distance_is_negative_inside_only(shape: str) -> None:
    far = signed_distance(shape, np.array([50.0]), np.array([0.0]), 8.0)
    inside = 0.75 * 8 if shape == "ring" else 0.0
    assert far[0] > 0 > signed_distance(shape, np.array([inside]), np.array([0.0]), 8.0)[0]


def test_an_unknown_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown shape 'hexagon'"):
        signed_distance("hexagon", np.zeros(1), np.zeros(1), 1.0)
