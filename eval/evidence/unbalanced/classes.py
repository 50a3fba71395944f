"""Which shape a picture shows, by the world's scorer, and features that tell shapes apart."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from w2sd_video.shapes.score import grade
from w2sd_video.shapes.world import (
    BACKGROUNDS,
    COLORS,
    SHAPES,
    SIZE,
    Scene,
    Thing,
    signed_distance,
)

from .pictures import SIDE

Array = NDArray[np.float64]
COLOR, BACKGROUND = "red", "black"
NOTHING = len(SHAPES)  # the class of a picture without a shape


def overlaps(pictures: Tensor) -> Array:
    """How far each picture's shape covers what each shape of the world would, with the same
    area and centre: ``(n, shapes)``, from 0 to 1."""
    masks = pictures[:, 0].numpy() > 0
    grid = np.arange(SIDE) + 0.5
    area = np.maximum(masks.sum(axis=(1, 2)), 1)
    x = grid[None, None, :] - ((masks.sum(axis=1) * grid).sum(axis=1) / area)[:, None, None]
    y = grid[None, :, None] - ((masks.sum(axis=2) * grid).sum(axis=1) / area)[:, None, None]
    found = []
    for shape in SHAPES:
        radius = np.sqrt(area / _unit_area(shape))[:, None, None]
        ideal = signed_distance(shape, x, y, radius) <= 0
        both, either = (masks & ideal).sum(axis=(1, 2)), (masks | ideal).sum(axis=(1, 2))
        found.append(both / np.maximum(either, 1))
    return np.stack(found, axis=1)


@cache
def _unit_area(shape: str) -> float:
    """Of a shape of radius 1, counted on a grid."""
    grid = (np.arange(400) + 0.5) / 100 - 2.0
    return float((signed_distance(shape, grid[None, :], grid[:, None], 1.0) <= 0).sum()) / 100**2


def classes(pictures: Tensor) -> NDArray[np.intp]:
    """``(n,)``: the place in SHAPES of what the scorer reads, or NOTHING."""
    guesses = (-overlaps(pictures)).argsort(axis=1)
    return np.array([_read(f, g) for f, g in zip(frames(pictures), guesses, strict=True)])


def frames(pictures: Tensor) -> NDArray[np.uint8]:
    """As the world paints them, each pixel as a square of pixels; ``(n, SIZE, SIZE, 3)``."""
    cover = (pictures[:, 0].numpy().clip(-1.0, 1.0) + 1.0)[..., None] / 2
    paint, ground = np.array(COLORS[COLOR]), np.array(BACKGROUNDS[BACKGROUND])
    colored = np.rint(ground + cover * (paint - ground)).astype(np.uint8)
    times = SIZE // SIDE
    return colored.repeat(times, axis=1).repeat(times, axis=2)


def _read(frame: NDArray[np.uint8], guesses: NDArray[np.intp]) -> int:
    """The scorer says whether a picture shows what is asked for; the likeliest is asked first."""
    for which in guesses:
        seen = grade(frame[None], Scene((Thing(COLOR, SHAPES[which]),), BACKGROUND))
        if not seen.count:
            return NOTHING
        if seen.shape:
            return int(which)
    return NOTHING


class Projection:
    """The two directions in which features of the truth differ most."""

    def __init__(self, truth: Array) -> None:
        self.mean = truth.mean(axis=0)
        _, _, axes = np.linalg.svd(truth - self.mean, full_matrices=False)
        # Signs are free: a loading's largest part is made positive.
        signs = np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])
        self.axes = (axes * signs[:, None])[:2]

    def __call__(self, features: Array) -> Array:
        return (features - self.mean) @ self.axes.T


def frechet(a: Array, b: Array) -> float:
    """Fréchet distance of two sets of features, were they normally distributed: as FID is
    reckoned, on these features."""
    mean = np.square(a.mean(axis=0) - b.mean(axis=0)).sum()
    one, other = np.cov(a.T), np.cov(b.T)
    # The trace of a product's root is the sum of its eigenvalues' roots.
    roots = np.sqrt(np.maximum(np.linalg.eigvals(one @ other).real, 0.0)).sum()
    return float(mean + np.trace(one) + np.trace(other) - 2.0 * roots)
