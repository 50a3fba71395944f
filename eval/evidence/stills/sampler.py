"""Samples stills as a way says, and grades them."""

from __future__ import annotations

import copy
import time
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
from w2sd_video.pipelines import as_reflecting

from w2sd_video.shapes import Kind
from w2sd_video.shapes.score import grade
from w2sd_video.shapes.world import Scene

from ..embedded.ideal import iou, nearest
from ..embedded.store import Pair, Row, rows
from .prompts import prompt
from .ways import Way


@dataclass(frozen=True)
class Embedded:
    """The embedded models, in bfloat16 where processor and layers allow.

    Attributes:
        fingerprint: of the models, for the rows' keys.
    """

    kind: Kind
    fingerprint: str

    def __call__(self, way: Way, pairs: list[Pair]) -> list[Row]:
        """Rows of one batch."""
        import torch

        from w2sd_video.shapes.precision import bf16

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
        seconds = time.process_time() - began
        stills = np.rint(made.images * 255).astype(np.uint8)
        seen = [values(still, scene) for still, scene in zip(stills, scenes, strict=True)]
        return rows(self.fingerprint, way, pairs, seen, pipe.run.evaluations, seconds)


def values(still: np.ndarray, scene: Scene) -> dict[str, float]:
    """What is right about a still; a single frame has no motion."""
    clip, seen = still[None], scene.without_motion
    graded = asdict(grade(clip, seen))
    overlap = iou(clip, nearest(clip, seen), seen)
    kept = ("everything", "count", "color", "shape", "background")
    return {name: graded[name] for name in kept} | {"iou": overlap}


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
