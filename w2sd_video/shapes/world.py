"""The shapes world: captions, and the clips they describe.

One or two flat shapes move at constant speed over a plain background. Everything a
caption says can be read back from the pixels (``score.py``), so a text-to-video model
trained on this world can be graded without any other model.

Of two things the caption names first the one further up and to the left, as people describe
what they see in reading order.

A clip is ``(FRAMES, SIZE, SIZE, 3)`` uint8. Coordinates are pixels, y pointing down.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

import numpy as np

SIZE = 64
FRAMES = 16
FPS = 8

COLORS: dict[str, tuple[int, int, int]] = {
    "red": (214, 48, 49),
    "green": (39, 174, 96),
    "blue": (41, 98, 217),
    "yellow": (247, 202, 24),
    "purple": (142, 68, 173),
    "cyan": (34, 193, 214),
}
BACKGROUNDS: dict[str, tuple[int, int, int]] = {
    "white": (250, 250, 250),
    "black": (18, 18, 18),
    "gray": (128, 128, 128),
}
SHAPES = ("circle", "square", "triangle", "cross", "ring")
DIRECTIONS: dict[str, tuple[int, int]] = {
    "left": (-1, 0),
    "right": (1, 0),
    "up": (0, -1),
    "down": (0, 1),
}

# How much further up and to the left, in pixels of both together, the first of two things is.
AHEAD = 12.0

# Of every prompt the world knows, one in HOLD_OUT is kept from training.
HOLD_OUT = 8

_THING = re.compile(
    rf"an? ({'|'.join(COLORS)}) ({'|'.join(SHAPES)})(?: moving ({'|'.join(DIRECTIONS)}))?"
)
_BACKGROUND = re.compile(rf"on an? ({'|'.join(BACKGROUNDS)}) background")


@dataclass(frozen=True)
class Thing:
    """One moving shape."""

    color: str
    shape: str
    direction: str | None = None


@dataclass(frozen=True)
class Scene:
    """What a caption says: one or two things (of different colors) and a background."""

    things: tuple[Thing, ...]
    background: str | None = None

    @property
    def caption(self) -> str:
        words = " and ".join(
            f"a {t.color} {t.shape}" + (f" moving {t.direction}" if t.direction else "")
            for t in self.things
        )
        return words + (f" on a {self.background} background" if self.background else "")

    @property
    def without_motion(self) -> Scene:
        """The scene as a still image has it."""
        return Scene(tuple(Thing(t.color, t.shape) for t in self.things), self.background)

    @property
    def held_out(self) -> bool:
        """True if training must never see this caption."""
        return zlib.crc32(self.caption.encode()) % HOLD_OUT == 0

    @classmethod
    def parse(cls, caption: str) -> Scene | None:
        """Read a caption back; None if it is not one of this world's."""
        things = tuple(Thing(*match.groups()) for match in _THING.finditer(caption))
        background = _BACKGROUND.search(caption)
        scene = cls(things, background.group(1) if background else None)
        return scene if things and scene.caption == caption.strip() else None


def sample_scene(rng: np.random.Generator, things: int, held_out: bool = False) -> Scene:
    """Draw a scene uniformly, from the held-out or from the training captions."""
    while True:
        colors = rng.choice(list(COLORS), things, replace=False)
        scene = Scene(
            tuple(
                Thing(str(c), str(rng.choice(SHAPES)), str(rng.choice(list(DIRECTIONS))))
                for c in colors
            ),
            str(rng.choice(list(BACKGROUNDS))),
        )
        if scene.held_out == held_out:
            return scene


def sample_paths(
    scene: Scene, rng: np.random.Generator, frames: int = FRAMES
) -> tuple[np.ndarray, np.ndarray]:
    """Draw a radius and a straight path for each thing; things never touch.

    The first of two is ``AHEAD`` of the other. Each path lies a little towards the side it
    comes from, so that a single frame already hints at the direction.

    Returns:
        centres ``(frames, things, 2)`` as (x, y), and radii ``(things,)``, in pixels.
    """
    n = len(scene.things)
    slow, fast, small, large = (1.5, 2.0, 9.0, 11.0) if n == 1 else (1.2, 1.7, 7.0, 8.5)
    steps = np.arange(frames) - (frames - 1) / 2
    while True:
        radii = rng.uniform(small, large, n)
        centres = np.empty((frames, n, 2))
        for i, thing in enumerate(scene.things):
            heading = np.array(DIRECTIONS[thing.direction or "left"], float)
            speed = rng.uniform(slow, fast) if thing.direction else 0.0
            reach = speed * (frames - 1) / 2
            low, high = radii[i] + 2.0, SIZE - 2.0 - radii[i]
            middle = rng.uniform(low, high, 2)
            along = np.clip(SIZE / 2 + heading * rng.uniform(-8.0, 2.0), low + reach, high - reach)
            middle = np.where(heading != 0, along, middle)
            centres[:, i] = middle + steps[:, None] * speed * heading
        if n == 1:
            return centres, radii
        apart = centres[:, 1] - centres[:, 0]
        clear = np.linalg.norm(apart, axis=-1).min() >= 1.15 * radii.sum() + 2.0
        if clear and apart.sum(axis=-1).mean() >= AHEAD:
            return centres, radii


def signed_distance(shape: str, x: np.ndarray, y: np.ndarray, r: np.ndarray | float) -> np.ndarray:
    """Signed distance in pixels (negative inside) of offsets from a shape's centre."""
    if shape == "circle":
        return np.hypot(x, y) - 0.95 * r
    if shape == "ring":
        return np.abs(np.hypot(x, y) - 0.75 * r) - 0.25 * r
    if shape == "square":
        return np.maximum(np.abs(x), np.abs(y)) - 0.85 * r
    if shape == "cross":
        x, y = np.abs(x), np.abs(y)
        return np.minimum(
            np.maximum(x - r, y - 0.36 * r),
            np.maximum(y - r, x - 0.36 * r),
        )
    if shape == "triangle":  # upright and equilateral, its base 0.6 r below the centre
        side = (np.sqrt(3.0) * np.abs(x) - y) / 2.0
        return np.maximum(y, side) - 0.6 * r
    raise ValueError(f"unknown shape {shape!r}")


def draw(scene: Scene, centres: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Draw a clip with antialiased edges.

    Args:
        centres: ``(frames, things, 2)``; radii: ``(things,)``.

    Returns:
        ``(frames, SIZE, SIZE, 3)`` uint8.
    """
    grid = np.arange(SIZE, dtype=np.float32) + 0.5
    canvas = np.empty((len(centres), SIZE, SIZE, 3), np.float32)
    canvas[:] = BACKGROUNDS[scene.background or "white"]
    for i, thing in enumerate(scene.things):
        x = grid[None, None, :] - centres[:, i, 0, None, None].astype(np.float32)
        y = grid[None, :, None] - centres[:, i, 1, None, None].astype(np.float32)
        distance = signed_distance(thing.shape, x, y, np.float32(radii[i]))
        cover = np.clip(0.5 - distance, 0.0, 1.0)[..., None]
        canvas += cover * (np.array(COLORS[thing.color], np.float32) - canvas)
    return np.rint(canvas).astype(np.uint8)


def sample_clip(scene: Scene, rng: np.random.Generator, frames: int = FRAMES) -> np.ndarray:
    """A clip of the scene, ``(frames, SIZE, SIZE, 3)`` uint8."""
    return draw(scene, *sample_paths(scene, rng, frames))
