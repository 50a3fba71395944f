"""The list that every engine renders."""

from __future__ import annotations

from pathlib import Path

from w2sd_video.render.jobs.job import Job

from ..listed import planned

PROMPTS = ["a red", "blue", "ring", "green", "a blue cross"]
STEPS = 12  # so many that a clip can be lost in the middle


def listed(tiny: Path, **more: object) -> list[Job]:
    base = {"memory": {"batch_size": 1}, "num_inference_steps": STEPS}
    return planned(tiny, PROMPTS, baseline=False, **base | more)


def pixels(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted((folder / "clips").glob("*.mp4"))}
