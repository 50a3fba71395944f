"""Trains the models of one repetition and samples every setting from the same noise."""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from w2sd_video.shapes.world import SHAPES

from .. import worker
from ..arms import cost
from .arms import ARMS, MODELS
from .classes import NOTHING, classes, frechet, overlaps
from .pictures import KINDS, with_rare
from .sampling import noise, sample
from .training import train

POINTS = 400  # of a setting, that are drawn
FIRST = 1_000_000  # of repetitions' seeds: those from 0 on were looked at while this was made


class Size(NamedTuple):
    """``n`` samples in each of ``repeats`` repetitions, each with models of its own: so many
    ``pictures`` to train on and ``training`` steps. ``steps`` is of sampling."""

    n: int
    repeats: int
    pictures: int
    training: int
    steps: int


@dataclass(frozen=True)
class Sampled:
    """One setting in one repetition.

    Attributes:
        evaluations: of a denoiser, for one picture.
        shares: of the pictures that show each shape, and at the end of those that show none.
        outlines: the overlap with the one of the shapes in the data that is most alike, a mean over
            pictures.
        distance: Fréchet, of the features to those of balanced data.
        features: of the first pictures.
    """

    evaluations: int
    shares: NDArray[np.float64]
    outlines: float
    distance: float
    features: NDArray[np.float64]


Repetition = dict[str, Sampled]


def repetitions(size: Size, seed: int, processes: int = 0) -> list[Repetition]:
    """All of them, as many at a time as there are processors."""
    count = min(size.repeats, processes or os.cpu_count() or 1)
    work = partial(repetition, size, seed)
    if count == 1:
        return [work(repeat) for repeat in range(size.repeats)]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(count, context, worker.begin) as pool:
        return list(pool.map(work, range(size.repeats)))


def repetition(size: Size, seed: int, repeat: int) -> Repetition:
    began = time.monotonic()
    first = FIRST + 1000 * seed + 10 * repeat
    models = {
        name: train(with_rare(share, size.pictures, first + k), size.training, first + k)
        for k, (name, share) in enumerate(MODELS.items())
    }
    truth = overlaps(truth_of(max(1000, size.n), first + 9))
    start = noise(size.n, first + 8)  # no model was trained with it
    found = {}
    for arm in ARMS:
        model, reflection = arm.make(models)
        steps = round(arm.times * size.steps)
        with torch.no_grad():
            made = sample(model, reflection, start, steps)
        features = overlaps(made)
        known = features[:, [SHAPES.index(kind) for kind in KINDS]]
        counts = np.bincount(classes(made), minlength=NOTHING + 1)
        found[arm.label] = Sampled(
            evaluations=cost(reflection, steps),
            shares=counts / size.n,
            outlines=float(known.max(axis=1).mean()),
            distance=frechet(features, truth),
            features=features[:POINTS],
        )
    minutes = (time.monotonic() - began) / 60
    print(f"  repetition {repeat + 1}: {minutes:.1f} minutes", file=sys.stderr, flush=True)
    return found


def truth_of(count: int, seed: int) -> torch.Tensor:
    """Pictures of balanced data that no model has seen."""
    return with_rare(1 / 3, count, 500_000_000 + seed)
