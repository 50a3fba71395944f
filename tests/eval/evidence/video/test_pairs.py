"""The splits share nothing: with each other, with training, with what was looked at before."""

from __future__ import annotations

from itertools import combinations

import pytest
from w2sd_video.eval.evidence.video.pairs import FIRST, MEASURED, Split, captions, split_pairs

from w2sd_video.shapes.measure import DEVELOPMENT_SEED, FIRST_SEED, held_out_pairs

COUNT = 128


@pytest.mark.parametrize("split", FIRST)
def test_training_saw_none_of_the_captions(split: Split) -> None:
    assert all(scene.held_out for scene, _ in split_pairs(split, COUNT))


@pytest.mark.parametrize("seed", [0, 1])
def test_no_two_splits_share_a_caption_or_noise(seed: int) -> None:
    for one, other in combinations(FIRST, 2):
        a, b = split_pairs(one, COUNT, seed), split_pairs(other, COUNT, seed)
        assert not {scene.caption for scene, _ in a} & {scene.caption for scene, _ in b}
        assert not {noise for _, noise in a} & {noise for _, noise in b}


def test_nothing_is_shared_with_what_was_measured_before() -> None:
    before = [
        pair
        for things in (1, 2)
        for first in (FIRST_SEED, DEVELOPMENT_SEED)
        for pair in held_out_pairs(things, MEASURED, first)
    ]
    for split in FIRST:
        pairs = split_pairs(split, COUNT)
        assert not {noise for _, noise in pairs} & {noise for _, noise in before}
        captions = {scene.caption for scene, _ in pairs if len(scene.things) == 2}
        assert not captions & {scene.caption for scene, _ in before}


def test_every_seed_has_noise_of_its_own() -> None:
    noise = [seed for run in (0, 1) for split in FIRST for _, seed in split_pairs(split, 8, run)]
    assert len({*noise}) == len(noise)


def test_a_quarter_of_the_pairs_have_one_thing_however_many_are_taken() -> None:
    pairs = split_pairs("test", COUNT)
    assert [len(scene.things) for scene, _ in pairs] == [1, 2, 2, 2] * (COUNT // 4)
    assert split_pairs("test", 6) == pairs[:6]


def test_captions_of_one_thing_are_few_and_come_again() -> None:
    pairs = split_pairs("test", 4 * COUNT)
    one, two = (captions(pairs, things) for things in (1, 2))
    assert (len(one), len(two)) == (COUNT, 3 * COUNT)
    assert len({*one}) < 30
    assert len({*two}) > 0.8 * len(two)
    assert sorted(captions(pairs)) == sorted(one + two)
