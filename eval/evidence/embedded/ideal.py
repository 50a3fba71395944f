"""The ideal clip, for PSNR and IoU: what a clip should look like, pixel by pixel.

A caption has no clip of its own: radius, place and speed are free. So a clip is held against
the one clip of its caption that comes nearest to it: what the world itself draws at the radius,
the middle of the path and the speed that are found in the clip, the way the caption says, and
within the ranges the world draws from. A wrong direction, a wrong shape, a bent path or a thing
that is missing then cost what they should, and a place that the caption leaves open costs nothing.
(A missing thing may cost PSNR less than a poor one, so that is told of complete clips, too.)

Things are found by unmixing: the world paints a pixel as background + cover (color − background),
which is solved for the cover. Edges so count as the part of a pixel that they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from w2sd_video.shapes.world import (
    BACKGROUNDS,
    COLORS,
    DIRECTIONS,
    SIZE,
    Scene,
    draw,
    signed_distance,
)

Array = NDArray[np.float64]
Clip = NDArray[np.uint8]

# Of ``world.sample_paths``: slowest, fastest, smallest, largest, by number of things.
RANGES = {1: (1.5, 2.0, 9.0, 11.0), 2: (1.2, 1.7, 7.0, 8.5)}
MARGIN = 2.0  # pixels that it leaves between a thing and the frame's edge
FAINT = 0.25  # less cover than this is noise
SEEN = 10.0  # pixels of cover from which on a frame shows a thing
MOST = 0.6  # of the frames


def nearest(clip: Clip, scene: Scene) -> Clip:
    """The clip of this scene that comes nearest to ``clip``.

    A thing that is not there is drawn in the middle, and behind the others: of them nothing is
    to be hidden.
    """
    n = len(scene.things)
    slow, fast, small, large = RANGES[n]
    times: Array = np.arange(len(clip), dtype=np.float64) - (len(clip) - 1) / 2
    centres, radii, missing = np.empty((len(clip), n, 2)), np.empty(n), np.zeros(n, bool)
    for i, cover in enumerate(covers(clip, scene)):
        thing = scene.things[i]
        heading = np.array(DIRECTIONS[thing.direction or "left"], float)
        seen, places, area = _track(cover)
        missing[i] = not len(seen)
        radius, middle, speed = (small + large) / 2, np.full(2, SIZE / 2), (slow + fast) / 2
        if len(seen):
            radius = np.sqrt(area / _unit_area(thing.shape))
            speed, middle = _line(times[seen], places, heading)
        radii[i] = np.clip(radius, small, large)
        speed = float(np.clip(speed, slow, fast)) if thing.direction else 0.0
        edge = radii[i] + MARGIN + np.abs(heading) * speed * times[-1]
        middle = np.clip(middle, edge, SIZE - edge)
        centres[:, i] = middle + times[:, None] * speed * heading
    order = np.argsort(~missing, kind="stable")
    behind = Scene(tuple(scene.things[i] for i in order), scene.background)
    return draw(behind, centres[:, order], radii[order])


def psnr(clip: Clip, ideal: Clip) -> float:
    """In dB, over all pixels; rounding to whole numbers is the least error there is."""
    error = np.square(clip.astype(np.float64) - ideal).mean()
    return float(10 * np.log10(255.0**2 / max(error, 1 / 12)))


def iou(clip: Clip, ideal: Clip, scene: Scene) -> float:
    """How far things cover the pixels that they should, a mean over the scene's things.

    A pixel counts for a thing only where no other color of the world is nearer. A thing that is
    not there has 0.
    """
    pairs = zip(covers(clip, scene, COLORS), covers(ideal, scene, COLORS), strict=True)
    both = [(np.minimum(a, b).sum(), np.maximum(a, b).sum()) for a, b in pairs]
    return float(np.mean([overlap / either if either else 0.0 for overlap, either in both]))


def complete(clip: Clip, scene: Scene) -> bool:
    """Whether all things are there, in their colors and in most of the frames."""
    shown = [
        (cover.sum(axis=(1, 2)) >= SEEN).mean() >= MOST for cover in covers(clip, scene, COLORS)
    ]
    return all(shown)


def covers(clip: Clip, scene: Scene, colors: Iterable[str] = ()) -> list[Array]:
    """What each thing covers of each pixel, ``(frames, SIZE, SIZE)`` from 0 to 1.

    Things never touch, so a pixel belongs to the background and to the one thing whose
    mixture with it is the nearer.

    Args:
        colors: that a pixel may be of as well; it is no thing's then.
    """
    ground = np.array(BACKGROUNDS[scene.background or "white"], float)
    off = clip - ground
    found, misfits = [], []
    own = [thing.color for thing in scene.things]
    for color in dict.fromkeys([*own, *colors]):
        way = np.array(COLORS[color], float) - ground
        cover = np.clip(off @ way / (way @ way), 0.0, 1.0)
        misfits.append(np.square(off - cover[..., None] * way).sum(-1))
        found.append(np.where(cover < FAINT, 0.0, cover))
    owner = np.argmin(misfits, axis=0)
    return [np.where(owner == i, found[i], 0.0) for i in range(len(own))]


def _track(cover: Array) -> tuple[NDArray[np.intp], Array, float]:
    """The frames that show a thing, its centre in each, and its mean area there."""
    area = cover.sum(axis=(1, 2))
    seen = np.flatnonzero(area >= SEEN)
    grid = np.arange(SIZE) + 0.5
    x = (cover[seen].sum(axis=1) * grid).sum(axis=1)
    y = (cover[seen].sum(axis=2) * grid).sum(axis=1)
    places = np.stack([x, y], axis=1) / area[seen, None]
    return seen, places, float(area[seen].mean()) if len(seen) else 0.0


def _line(times: Array, places: Array, heading: Array) -> tuple[float, Any]:
    """Speed along the heading, and where the thing is at time 0; least squares."""
    t = times - times.mean()
    along = places @ heading
    speed = float(t @ along / (t @ t)) if len(t) > 1 else 0.0
    return speed, places.mean(axis=0) - times.mean() * speed * heading


@cache
def _unit_area(shape: str) -> float:
    """Of a shape of radius 1, counted on a grid."""
    grid = (np.arange(400) + 0.5) / 100 - 2.0
    inside = signed_distance(shape, grid[None, :], grid[:, None], 1.0) <= 0
    return float(inside.sum()) / 100**2
