"""Grade clips of the shapes world: read colors, shapes, motion and background from pixels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

import numpy as np

from .world import BACKGROUNDS, COLORS, DIRECTIONS, SHAPES, SIZE, Scene, signed_distance

# A color counts as an object where a 3x3 erosion leaves this many pixels: antialiased
# edges, which may look like a third color, are one pixel wide and vanish.
_CORE_PIXELS = 10
_PRESENT_IN = 0.6  # of the frames
_SLOWEST = 0.5  # pixels a frame; slower is "not moving"


@dataclass(frozen=True)
class Grade:
    """What is right about one clip, each in [0, 1]; means over a clip's objects.

    ``everything`` is 1 only if the count of objects, the background and all attributes of
    all objects are right. ``jitter`` is the RMS distance (pixels) of the objects' centres
    from their best straight path; NaN where no object was found.
    """

    count: float
    color: float
    shape: float
    motion: float
    background: float
    everything: float
    jitter: float


@dataclass(frozen=True)
class _Found:
    size: float
    shape: str
    direction: str | None
    speed: float
    jitter: float


def grade(clip: np.ndarray, scene: Scene) -> Grade:
    """Grade one clip against the scene it should show.

    Args:
        clip: ``(frames, SIZE, SIZE, 3)`` uint8; a single frame has no motion to grade,
            so ``motion`` is NaN then and ``everything`` leaves it out.
    """
    background, found = _look(clip)
    by_size = sorted(found, key=lambda color: -found[color].size)[: len(scene.things)]
    still = len(clip) == 1
    color, shape, motion, jitter = [], [], [], []
    for thing in scene.things:
        # One object: judge what is there, so that a wrong color leaves shape and motion
        # readable. Two: an attribute counts only on the object it was bound to.
        name = thing.color if len(scene.things) > 1 else (by_size or [""])[0]
        seen = found.get(name)
        color.append(thing.color in by_size)
        shape.append(seen is not None and seen.shape == thing.shape)
        motion.append(
            seen is not None and (thing.direction is None or seen.direction == thing.direction)
        )
        jitter.append(seen.jitter if seen else np.nan)
    right_count = len(found) == len(scene.things)
    right_background = scene.background in (None, background)
    attributes = color + shape + ([] if still else motion)
    return Grade(
        count=float(right_count),
        color=float(np.mean(color)),
        shape=float(np.mean(shape)),
        motion=float("nan") if still else float(np.mean(motion)),
        background=float(right_background),
        everything=float(right_count and right_background and all(attributes)),
        jitter=float(np.nanmean(jitter)) if not np.isnan(jitter).all() else float("nan"),
    )


def speed(clip: np.ndarray) -> float:
    """Mean speed (pixels a frame) of the objects of a clip; NaN where none was found."""
    _, found = _look(clip)
    return float(np.mean([seen.speed for seen in found.values()])) if found else float("nan")


def summary(grades: Iterable[Grade]) -> dict[str, float]:
    """Means over clips; NaNs (nothing to measure) are left out."""
    rows = [asdict(g) for g in grades]
    means = {}
    for key in rows[0]:
        values = np.array([row[key] for row in rows], float)
        means[key] = float(np.nanmean(values)) if not np.isnan(values).all() else float("nan")
    return means


def _look(clip: np.ndarray) -> tuple[str, dict[str, _Found]]:
    """Find the background and, by color, the objects of a clip."""
    if clip.ndim != 4 or clip.shape[1:] != (SIZE, SIZE, 3) or clip.dtype != np.uint8:
        raise ValueError(
            f"a clip must be uint8 of shape (frames, {SIZE}, {SIZE}, 3), "
            f"not {clip.dtype} {clip.shape}"
        )
    pixels = clip.astype(np.float32)
    names = [*BACKGROUNDS, *COLORS]
    nearest = _nearest(pixels, names)
    background = names[int(np.bincount(nearest.ravel(), minlength=9)[: len(BACKGROUNDS)].argmax())]
    # Other backgrounds are left out now: an edge blended to gray is not an object.
    names = [background, *COLORS]
    nearest = _nearest(pixels, names)
    found = {}
    for index, color in enumerate(names[1:], start=1):
        mask = nearest == index
        core = _erode(mask)
        size = core.sum(axis=(1, 2))
        present = size >= _CORE_PIXELS
        if present.mean() >= _PRESENT_IN:
            # Edges of another object can have this color too: keep what touches the core.
            mask &= ~_erode(~core)
            found[color] = _describe(mask, present, float(size.mean()))
    return background, found


def _nearest(pixels: np.ndarray, names: list[str]) -> np.ndarray:
    """Index of the nearest named color of each pixel, in RGB distance."""
    palette = np.array([(BACKGROUNDS | COLORS)[n] for n in names], np.float32)
    # |p - c|^2 without the common |p|^2
    return (np.sum(palette**2, axis=1) - 2.0 * pixels @ palette.T).argmin(axis=-1)


def _erode(mask: np.ndarray) -> np.ndarray:
    padded = np.pad(mask, ((0, 0), (1, 1), (1, 1)), mode="edge")
    height, width = mask.shape[1:]
    out = np.ones_like(mask)
    for dy in range(3):
        for dx in range(3):
            out &= padded[:, dy : dy + height, dx : dx + width]
    return out


def _describe(mask: np.ndarray, present: np.ndarray, size: float) -> _Found:
    """Shape and path of the object of one color. ``mask``: ``(frames, SIZE, SIZE)``."""
    frames = np.flatnonzero(present)
    mask = mask[frames]
    grid = np.arange(SIZE) + 0.5
    area = mask.sum(axis=(1, 2)).astype(np.float64)
    centre = np.stack(
        [
            (mask.sum(axis=1) * grid).sum(axis=1) / area,
            (mask.sum(axis=2) * grid).sum(axis=1) / area,
        ],
        axis=1,
    )
    x = grid[None, None, :] - centre[:, 0, None, None]
    y = grid[None, :, None] - centre[:, 1, None, None]
    overlap = []
    for shape in SHAPES:
        template = signed_distance(shape, x, y, _radius(shape, area)[:, None, None]) <= 0
        both = (mask & template).sum(axis=(1, 2))
        overlap.append(float((both / (mask | template).sum(axis=(1, 2))).mean()))
    velocity, jitter = _path(frames, centre)
    direction = None
    if np.abs(velocity).max() >= _SLOWEST:
        direction = max(DIRECTIONS, key=lambda d: float(np.dot(DIRECTIONS[d], velocity)))
    speed = float(np.hypot(*velocity))
    return _Found(size, SHAPES[int(np.argmax(overlap))], direction, speed, jitter)


# Area of each shape at radius 1, and where its centroid lies.
_AREA = {
    "circle": np.pi * 0.95**2,
    "ring": np.pi * (1.0 - 0.5**2),
    "square": 4 * 0.85**2,
    "cross": 4 * 0.72 - 0.72**2,
    "triangle": 3 * np.sqrt(3.0) * 0.6**2,
}


def _radius(shape: str, area: np.ndarray) -> np.ndarray:
    """Radius (pixels) at which a shape has the given area (pixels squared)."""
    return np.sqrt(area / _AREA[shape])


def _path(times: np.ndarray, centre: np.ndarray) -> tuple[np.ndarray, float]:
    """Velocity (pixels a frame) and RMS residual of the best straight path."""
    if len(times) < 2:
        return np.zeros(2), float("nan")
    t = times - times.mean()
    velocity = (t[:, None] * centre).sum(axis=0) / (t**2).sum()
    residual = centre - centre.mean(axis=0) - t[:, None] * velocity
    return velocity, float(np.sqrt((residual**2).sum(axis=1).mean()))
