"""Prompts and seeds: three splits that share nothing, and nothing with training.

All captions are held out from training, and each belongs to one split, so a setting is never
chosen on a caption that it is judged on. Captions of two things that ``shapes measure`` looks at,
to judge or to choose, are left out; of one thing there are too few for that (each comes with
several seeds), but noise is shared by nobody.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from functools import cache
from typing import Literal

import numpy as np

from w2sd_video.shapes.measure import DEVELOPMENT_SEED, FIRST_SEED, held_out_pairs
from w2sd_video.shapes.world import HOLD_OUT, Scene, sample_scene

from ..embedded.store import Pair

Split = Literal["dev", "test", "reserve"]

# Of noise. Training begins at 0, ``shapes measure`` at 1 and 9 million; a split has a million.
FIRST: dict[Split, int] = {"dev": 2_000_000, "test": 3_000_000, "reserve": 4_000_000}
EVERY = 10_000_000  # from one --seed to the next
# Whose a caption is, by the rest of its checksum.
OWNERS: tuple[Split, ...] = ("dev", "test", "test", "reserve")
SIMPLE = 4  # how often a pair has one thing, which the models can do: there is little to gain
MEASURED = 512  # the most pairs of each kind that ``shapes measure`` takes unless it is told to


def split_pairs(split: Split, count: int, seed: int = 0) -> list[Pair]:
    """The first ``count`` pairs of a split; every fourth has one thing, the others two."""
    first = FIRST[split] + EVERY * seed
    rngs = {things: np.random.default_rng([first, things]) for things in (1, 2)}
    asked = [2 if i % SIMPLE else 1 for i in range(count)]
    return [(_scene(rngs[n], n, split), first + i) for i, n in enumerate(asked)]


def _scene(rng: np.random.Generator, things: int, split: Split) -> Scene:
    while True:
        scene = sample_scene(rng, things, held_out=True)
        owner = OWNERS[zlib.crc32(scene.caption.encode()) // HOLD_OUT % len(OWNERS)]
        if owner == split and scene.caption not in _looked_at():
            return scene


@cache
def _looked_at() -> frozenset[str]:
    return frozenset(
        scene.caption
        for first in (FIRST_SEED, DEVELOPMENT_SEED)
        for scene, _ in held_out_pairs(2, MEASURED, first)
    )


def captions(pairs: Sequence[Pair], things: int | None = None) -> list[str]:
    """Of these pairs, or of those with so many things."""
    return [scene.caption for scene, _ in pairs if things in (None, len(scene.things))]
