"""Samples clips as a column says, and measures them."""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from w2sd_video.shapes import Kind
from w2sd_video.shapes.score import speed
from w2sd_video.shapes.world import Scene

from ..embedded.ideal import Clip, complete, iou, nearest, psnr
from ..embedded.memo import Memo
from ..embedded.rendering import Rendering, Wanted
from ..embedded.store import Pair, Row, rows
from .columns import Column

MEMO = Memo()
Videos = Rendering[Column, Pair]
Clips = Wanted[Column, Pair]


@dataclass(frozen=True)
class Embedded:
    """The embedded models, in bfloat16 where processor and layers allow.

    Attributes:
        fingerprint: of the models, for the rows' keys.
    """

    kind: Kind
    fingerprint: str

    def __call__(self, column: Column, pairs: list[Pair]) -> list[Row]:
        from w2sd_video.shapes.measure import grade_pipeline
        from w2sd_video.shapes.precision import bf16

        from . import models

        pipe = _Recorded(models.pipeline(self.kind, column.model))
        began = time.process_time()
        called = models.denoisers(self.kind, column)
        with bf16("cpu"), MEMO.of((self.kind, pairs), called):
            graded = grade_pipeline(
                pipe,
                pairs,
                kind=self.kind,
                guidance_scale=column.guidance,
                num_inference_steps=column.steps,
                batch=len(pairs),
                reflection=column.reflection(lambda p: models.denoiser(self.kind, p)),
            )
            grades = [asdict(grade) for grade in graded]
        scales = pipe.guidance(column, len(pairs))
        values = [
            grade | more(clip, pair[0]) | scale
            for grade, clip, pair, scale in zip(grades, pipe.clips, pairs, scales, strict=True)
        ]
        seconds = time.process_time() - began
        return rows(self.fingerprint, column, pairs, values, pipe.run.evaluations, seconds)


def more(clip: Clip, scene: Scene) -> dict[str, float]:
    """What the world's own grades leave out."""
    ideal = nearest(clip, scene)
    decibels = psnr(clip, ideal)
    return {
        "dynamic": speed(clip),
        "psnr": decibels,
        "psnr_complete": decibels if complete(clip, scene) else math.nan,
        "iou": iou(clip, ideal, scene),
    }


@dataclass
class _Recorded:
    """A pipeline that keeps the clips it makes."""

    pipe: Any
    clips: list[Clip] = field(default_factory=list)

    def __call__(self, **call: Any) -> Any:
        made = self.pipe(**call)
        self.clips += [np.rint(clip * 255).astype(np.uint8) for clip in made.frames]
        return made

    @property
    def run(self) -> Any:
        return self.pipe.run

    def guidance(self, column: Column, count: int) -> list[dict[str, float]]:
        """Effective, a mean over all steps and one over those that reflect; of plain sampling
        it is the scale. NaN where a reflection has not evaluated what it is reckoned from."""
        import torch

        if column.partner is None:
            return [{"guidance": column.guidance, "reflected_guidance": column.guidance}] * count
        if not self.run.guidance:
            return [{"guidance": math.nan, "reflected_guidance": math.nan}] * count
        logged = torch.stack(self.run.guidance).float()
        reflecting = logged[: column.reflects]  # the first steps do
        return [
            {"guidance": whole, "reflected_guidance": part}
            for whole, part in zip(
                logged.mean(0).tolist(), reflecting.mean(0).tolist(), strict=True
            )
        ]
