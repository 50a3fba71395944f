"""The list that every engine renders."""

from __future__ import annotations

from pathlib import Path

from w2sd_video.render.jobs.job import Job

from ..listed import planned

PROMPTS = ["a red", "blue", "ring", "green", "a blue cross"]


def listed(tiny: Path, **more: object) -> list[Job]:
    return planned(tiny, PROMPTS, baseline=False, **{"memory": {"batch_size": 1}} | more)


def pixels(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted((folder / "clips").glob("*.mp4"))}
