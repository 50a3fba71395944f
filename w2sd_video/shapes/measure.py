"""Measure the shapes models on prompts and seeds that training never used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from . import Kind
from .score import Grade, grade
from .world import FRAMES, SIZE, Scene, sample_clip, sample_scene

# Seeds of measurements: no training clip or noise is drawn from them.
FIRST_SEED = 1_000_000
DEVELOPMENT_SEED = 9_000_000  # of those that settings are chosen on


def held_out_pairs(things: int, count: int, first: int = FIRST_SEED) -> list[tuple[Scene, int]]:
    """Scenes whose captions training never saw, each with a seed of its own, from ``first`` on."""
    rng = np.random.default_rng([first, things])
    return [(sample_scene(rng, things, held_out=True), first + i) for i in range(count)]


def grade_pipeline(
    pipe: Any,
    pairs: list[tuple[Scene, int]],
    *,
    kind: Kind = "video",
    guidance_scale: float = 2.5,
    num_inference_steps: int = 25,
    batch: int = 8,
    done: Callable[[int], None] = lambda count: None,
    **call: Any,
) -> Iterator[Grade]:
    """Sample each pair and grade what comes out.

    Args:
        kind: of the pipeline; images are clips of one frame. The mixture of experts knows
            scenes of one thing only.
        done: told after each batch how many pairs are graded.
        call: more arguments of the pipeline call, such as ``reflection``.
    """
    still = kind in ("image", "moe")
    for start in range(0, len(pairs), batch):
        part = pairs[start : start + batch]
        scenes = [scene.without_motion if still else scene for scene, _ in part]
        out = pipe(
            **_asked(kind, [scene.caption for scene in scenes]),
            guidance_scale=guidance_scale,
            num_inference_steps=num_inference_steps,
            generator=[torch.Generator().manual_seed(seed) for _, seed in part],
            output_type="np",
            **call,
        )
        clips = out.images[:, None] if still else out.frames
        for clip, scene in zip(clips, scenes, strict=True):
            yield grade(np.rint(clip * 255).astype(np.uint8), scene)
        done(start + len(part))


def _asked(kind: Kind, captions: list[str]) -> dict[str, Any]:
    """The arguments that ask a pipeline for these captions."""
    if kind == "moe":
        from .moe import LABELS

        return {"class_labels": [LABELS[caption] for caption in captions]}
    if kind == "dit":
        size = {"height": SIZE, "width": SIZE, "video_length": FRAMES}
        return {"prompt": captions, "clean_caption": False, **size}
    return {"prompt": captions} | ({"num_frames": FRAMES} if kind == "video" else {})


def grade_vae(vae: Any, count: int = 512) -> Iterator[Grade]:
    """Grade reconstructions of fresh clips: half of one thing, half of two."""
    for i in range(count):
        rng = np.random.default_rng([FIRST_SEED, 3, i])
        scene = sample_scene(rng, 1 + i % 2, held_out=True)
        frames = torch.from_numpy(sample_clip(scene, rng)).to(vae.device)
        x = frames.permute(0, 3, 1, 2).to(vae.dtype) / 127.5 - 1.0
        with torch.no_grad():
            back = vae.decode(vae.encode(x).latent_dist.mean).sample.float().clamp(-1, 1)
        pixels = ((back + 1.0) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1)
        yield grade(pixels.cpu().numpy(), scene)
