"""Scenes and seeds of stills, and the words that they can be asked for with."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from w2sd_video.shapes.world import Scene, Thing, sample_scene

from ..embedded.store import Pair

# Of noise. Training begins at 0, ``shapes measure`` at 1 and 9 million, and the splits of clips
# have 2, 3 and 4 million. Of each evidence's million the first half was looked at while it was
# made.
DEVELOPMENT = "cost, development"
FIRST = {
    "captions": 5_500_000,
    "addition": 6_500_000,
    DEVELOPMENT: 7_250_000,
    "cost": 7_500_000,
    "experts": 8_500_000,
    "settings, development": 9_250_000,
    "settings": 9_500_000,
}
EVERY = 10_000_000  # from one --seed to the next


def pairs(evidence: str, count: int, seed: int) -> list[Pair]:
    """Two things each, with captions that training never saw."""
    first = FIRST[evidence] + EVERY * seed
    rng = np.random.default_rng([first, 2])
    return [(sample_scene(rng, 2, held_out=True), first + i) for i in range(count)]


def class_pairs(count: int, seed: int) -> list[Pair]:
    """One thing each, of every class as often as of any other; training saw them all."""
    from w2sd_video.shapes.moe import SCENES

    first = FIRST["experts"] + EVERY * seed
    order = np.random.default_rng([first, 1]).permutation(len(SCENES))
    return [(SCENES[order[i % len(SCENES)]], first + i) for i in range(count)]


# Refined is the caption as the world tells it. The others say less, or the same in an order
# that training never had.
Words = Literal["refined", "details left out", "other words"]
RAW: tuple[Words, ...] = tuple(words for words in get_args(Words) if words != "refined")


def prompt(scene: Scene, words: Words) -> str:
    """The scene in these words."""
    if words == "details left out":
        return Scene(tuple(Thing(t.color, t.shape) for t in scene.things)).caption
    if words == "other words":
        things = " with ".join(
            f"{t.shape} {t.color}" + (f" {t.direction}" if t.direction else "")
            for t in scene.things
        )
        return f"{scene.background} background and {things}" if scene.background else things
    return scene.caption
