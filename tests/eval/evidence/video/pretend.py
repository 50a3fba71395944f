"""A sampler without a model: it pretends that clips were sampled and measured."""

from __future__ import annotations

import math
import zlib
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from w2sd_video.eval.evidence.embedded.rendering import Rendering
from w2sd_video.eval.evidence.embedded.store import Row, key
from w2sd_video.eval.evidence.video.columns import Column
from w2sd_video.eval.evidence.video.pairs import Pair
from w2sd_video.eval.evidence.video.sampler import Videos

MODELS = "pretended"


def key_of(column: Column, pair: Pair) -> str:
    return key(MODELS, column, pair)


@dataclass
class Pretend:
    """Gets a clip right more often with a guidance near the ``best`` one and with a reflection.

    Attributes:
        gain: how much more often.
        past: how much less often with more than the best guidance.
        called: what was sampled, batch by batch, in this process.
        fails_at: the first batch that can't be sampled.
    """

    best: float = 2.5
    gain: float = 0.0
    past: float = 0.0
    called: list[tuple[Column, list[Pair]]] = field(default_factory=list)
    fails_at: int = 1_000_000

    def __call__(self, column: Column, pairs: list[Pair]) -> list[Row]:
        if len(self.called) == self.fails_at:
            raise KeyboardInterrupt
        self.called.append((column, pairs))
        return [self._row(column, pair) for pair in pairs]

    def _row(self, column: Column, pair: Pair) -> Row:
        scene, seed = pair
        rng = np.random.default_rng([seed, zlib.crc32(scene.caption.encode())])
        only_guided = column.partner == "guidance" and column.mode == "extrapolate"
        guidance = column.guidance
        if only_guided:
            guidance += column.gap * (column.guidance - 1.0)
        skill = 0.5 - 0.3 * abs(math.log(guidance / self.best))
        skill -= self.past * (guidance > self.best)
        skill += self.gain * (column.partner not in (None, "self") and not only_guided)
        skill -= 0.4 * (column.model != "strong")
        right = float(rng.random() < skill)
        reflects = column.partner is not None
        values = dict.fromkeys(("count", "color", "shape", "background"), 1.0)
        values |= {"everything": right, "motion": right, "iou": 0.5 + 0.3 * right}
        values |= {
            "psnr": 20.0 + right,
            "psnr_complete": 20.0 + right,
            "jitter": float(rng.random()),
            "dynamic": 1.5,
        }
        return Row(
            key=key_of(column, pair),
            column=asdict(column),
            prompt=scene.caption,
            seed=seed,
            values=values
            | {"guidance": column.guidance + 0.7 * reflects}
            | {"reflected_guidance": column.guidance + 1.4 * reflects},
            evaluations=column.evaluations,
            seconds=0.1,
        )


def rendering(folder: Path, pretend: Pretend, processes: int = 1) -> Videos:
    return Rendering(pretend, key_of, folder, processes, batch=8)
