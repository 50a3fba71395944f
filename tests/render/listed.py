"""A short list for the tiny model."""

from __future__ import annotations

from pathlib import Path

from w2sd_video.render.jobs.job import Job
from w2sd_video.render.jobs.plan import plan
from w2sd_video.render.settings.layers import Layer

PROMPTS = ["a red", "blue", "ring"]


def planned(tiny: Path, prompts: list[str] = PROMPTS, baseline: bool = True, **more) -> list[Job]:
    base = {
        "model": str(tiny),
        "height": 16,
        "width": 16,
        "num_frames": 4,
        "num_inference_steps": 3,
        "guidance_scale": 3.0,
        "reflection": {"weak": {"guidance_scale": 1.0}, "steps": 2},
        "memory": {"batch_size": 2},
    }
    rows = [Layer({"prompt": p}, "l.txt", {(): i}) for i, p in enumerate(prompts, 1)]
    return plan([Layer(base | more, "f")], rows, baseline).jobs
