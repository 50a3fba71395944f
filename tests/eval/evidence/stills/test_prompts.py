"""Captions and noise of stills are nobody else's, and raw words leave the scene's things alone."""

from __future__ import annotations

from itertools import combinations

from w2sd_video.eval.evidence.stills.prompts import FIRST, RAW, class_pairs, pairs, prompt
from w2sd_video.eval.evidence.video import pairs as clips

from w2sd_video.shapes.measure import DEVELOPMENT_SEED, held_out_pairs
from w2sd_video.shapes.moe import LABELS, SCENES
from w2sd_video.shapes.world import BACKGROUNDS, DIRECTIONS

COUNT = 128


def test_training_saw_none_of_the_captions() -> None:
    for evidence in ("captions", "addition", "cost"):
        assert all(scene.held_out for scene, _ in pairs(evidence, COUNT, 0))
        assert all(len(scene.things) == 2 for scene, _ in pairs(evidence, COUNT, 0))


def test_no_noise_is_drawn_twice() -> None:
    used = [
        {seed for things in (1, 2) for _, seed in held_out_pairs(things, 512)},
        {seed for _, seed in held_out_pairs(1, 512, DEVELOPMENT_SEED)},
        *({seed for _, seed in clips.split_pairs(split, 512, 0)} for split in clips.FIRST),
        *({noise for _, noise in pairs(evidence, COUNT, 0)} for evidence in FIRST),
        *({noise for _, noise in pairs(evidence, COUNT, 1)} for evidence in FIRST),
    ]
    for one, other in combinations(used, 2):
        assert not one & other


def test_evidences_and_seeds_have_other_captions_and_more_pairs_begin_alike() -> None:
    told = {
        (evidence, seed): [scene.caption for scene, _ in pairs(evidence, 8, seed)]
        for evidence in FIRST
        for seed in (0, 1)
    }
    assert len({tuple(captions) for captions in told.values()}) == len(told)
    assert pairs("cost", 20, 0)[:8] == pairs("cost", 8, 0)


def test_every_class_is_asked_for_equally_often() -> None:
    labels = [LABELS[scene.caption] for scene, _ in class_pairs(2 * len(SCENES), 0)]
    assert sorted(labels) == sorted([*range(len(SCENES))] * 2)


def test_raw_words_name_all_things_and_are_not_the_caption() -> None:
    for scene, _ in pairs("captions", 32, 0):
        for words in RAW:
            told = prompt(scene, words).split()
            assert prompt(scene, words) != scene.caption
            for thing in scene.things:
                assert {thing.color, thing.shape} <= {*told}
            details = {*DIRECTIONS, *BACKGROUNDS} & {*told}
            full = {t.direction for t in scene.things} | {scene.background}
            assert details == (set() if words == "details left out" else full)
        assert prompt(scene, "refined") == scene.caption
