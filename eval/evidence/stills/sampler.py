"""Samples stills as a way says, and grades them."""

from __future__ import annotations

import copy
import time
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
from w2sd_video.pipelines import as_reflecting

from w2sd_video.shapes.score import grade
from w2sd_video.shapes.world import Scene

from ..video.ideal import iou, nearest
from ..video.store import Row, key
from .prompts import Pair, prompt
from .ways import Way

Kind = Literal["image", "moe"]


@dataclass(frozen=True)
class Embedded:
    """The embedded models, in bfloat16 where the layers allow.

    Attributes:
        fingerprint: of the models, for the rows' keys.
    """

    kind: Kind
    fingerprint: str

    def __call__(self, way: Way, pairs: list[Pair]) -> list[Row]:
        """Rows of one batch."""
        import torch

        from w2sd_video.shapes.loss import bf16

        pipe = pipeline(self.kind, way.model)
        scenes = [scene for scene, _ in pairs]
        reflection = way.reflection(
            lambda: pipeline(self.kind, "weak").unet,
            lambda words: [prompt(scene, words) for scene in scenes],
        )
        began = time.process_time()
        with bf16("cpu"):
            made = pipe(
                **_asked(self.kind, way, scenes),
                guidance_scale=way.guidance,
                num_inference_steps=way.steps,
                generator=[torch.Generator().manual_seed(seed) for _, seed in pairs],
                output_type="np",
                reflection=reflection,
            )
        seconds = (time.process_time() - began) / len(pairs)
        stills = np.rint(made.images * 255).astype(np.uint8)
        return [
            Row(
                key=key(self.fingerprint, way, (scene, seed)),
                column=asdict(way),
                prompt=scene.caption,
                seed=seed,
                values=values(still, scene),
                evaluations=pipe.run.evaluations / len(pairs),
                seconds=round(seconds, 4),
            )
            for still, (scene, seed) in zip(stills, pairs, strict=True)
        ]


def values(still: np.ndarray, scene: Scene) -> dict[str, float | None]:
    """What is right about a still; a single frame has no motion."""
    clip, seen = still[None], scene.without_motion
    graded = asdict(grade(clip, seen))
    overlap = iou(clip, nearest(clip, seen), seen)
    kept = ("everything", "count", "color", "shape", "background")
    return {name: graded[name] for name in kept} | {"iou": round(overlap, 5)}


@cache
def pipeline(kind: Kind, model: Literal["strong", "weak"]) -> Any:
    """The pipeline that samples, with ``reflection=``, loaded when first asked for.

    The mixture's weak model is itself with its worst experts.
    """
    from w2sd_video.shapes import load_pipeline

    if kind == "moe" and model == "weak":
        pipe = worst(pipeline("moe", "strong"))
    else:
        pipe = as_reflecting(load_pipeline(kind, weak=model == "weak"))
    pipe.set_progress_bar_config(disable=True)
    return pipe


def worst(pipe: Any) -> Any:
    """A mixture's pipeline, with a transformer of its own that routes to the worst experts."""
    from w2sd_video.pipelines.dit_moe.experts import gates

    transformer = copy.deepcopy(pipe.transformer)
    for gate in gates(transformer):
        gate.experts = "worst"
    return type(pipe)(**pipe.components | {"transformer": transformer})


def _asked(kind: Kind, way: Way, scenes: list[Scene]) -> dict[str, Any]:
    if kind == "moe":
        from w2sd_video.shapes.moe import LABELS

        return {"class_labels": [LABELS[scene.without_motion.caption] for scene in scenes]}
    return {"prompt": [prompt(scene, way.words) for scene in scenes]}
