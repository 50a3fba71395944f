"""Pictures of one shape each, of which one may be rare, as training data.

A picture is ``(1, SIDE, SIDE)``, from −1, the background, to 1, the shape: a red shape on black,
along the way between the two colors, which is all that there is to learn of them.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from w2sd_video.shapes.world import SHAPES, signed_distance

SIDE = 16
RADIUS = (4.5, 5.5)
OFF_CENTRE = 1.5
# A circle and a square are left out: at this size they are what a poor ring or cross looks like.
KINDS = ("triangle", "cross", "ring")
RARE = "cross"


def draw(shapes: np.ndarray, rng: np.random.Generator) -> Tensor:
    """A picture of each shape, given by its place in SHAPES; ``(n, 1, SIDE, SIDE)``."""
    n = len(shapes)
    grid = np.arange(SIDE) + 0.5
    radii = rng.uniform(*RADIUS, (n, 1, 1))
    x = grid[None, None, :] - SIDE / 2 - rng.uniform(-OFF_CENTRE, OFF_CENTRE, (n, 1, 1))
    y = grid[None, :, None] - SIDE / 2 - rng.uniform(-OFF_CENTRE, OFF_CENTRE, (n, 1, 1))
    cover = np.empty((n, SIDE, SIDE), np.float32)
    for which, shape in enumerate(SHAPES):
        mine = shapes == which
        distance = signed_distance(shape, x[mine], y[mine], radii[mine])
        cover[mine] = np.clip(0.5 - distance, 0.0, 1.0)
    return torch.from_numpy(2.0 * cover - 1.0)[:, None]


def with_rare(share: float, count: int, seed: int) -> Tensor:
    """Training data: of ``count`` pictures this share is of the rare shape, and as many as
    can be are of each other one."""
    others = [SHAPES.index(kind) for kind in KINDS if kind != RARE]
    shapes = np.full(count, SHAPES.index(RARE))
    few = round(share * count)
    shapes[few:] = np.resize(others, count - few)
    return draw(shapes, np.random.default_rng(seed))
