"""A list rendered by us, beside a loop that a person would write."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import torch

from w2sd_video.render.engines import Engine
from w2sd_video.render.engines.here import Here
from w2sd_video.render.engines.processes import Processes
from w2sd_video.render.jobs.events import Result, Step
from w2sd_video.render.jobs.job import Job
from w2sd_video.render.jobs.plan import plan
from w2sd_video.render.media.video import Frames, read_mp4, write_mp4
from w2sd_video.render.record.folder import open_folder
from w2sd_video.render.record.verify import psnr
from w2sd_video.render.run import run
from w2sd_video.render.settings.layers import Layer
from w2sd_video.render.settings.resolve import read_config
from w2sd_video.shapes import load_pipeline
from w2sd_video.shapes.world import COLORS, SHAPES

from .measure import Figures, alone

STEPS, GUIDANCE = 10, 2.0
WAYS: dict[str, dict[str, Any]] = {
    "one": {},
    "two_workers": {},
    "bfloat16": {"model": {"id": "shapes", "dtype": "bfloat16"}},
    "bfloat16_two_workers": {"model": {"id": "shapes", "dtype": "bfloat16"}},
}
PROMPTS = [f"a {c} {s} moving left on a white background" for c in COLORS for s in SHAPES][:16]


def throughput() -> Figures:
    """Clips a minute over those of a loop over prompts, models loaded, and how near the pixels are.

    The loop is ``pipe(prompt)`` and then writing the frames, with all cores; through imageio, as
    diffusers' ``export_to_video`` does where its own FFmpeg is installed. Of each way ``psnr`` is
    the least of all clips, against the loop's frames written by the codec that our files go
    through: 100 where there is no difference. ``codec_psnr`` is what that writing leaves of the
    frames themselves.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        base, frames = alone(_loop, folder)
        written = [_written(clip, folder / "written.mp4") for clip in frames]
        figures: Figures = {"loop_seconds_a_clip": base, "codec_psnr": _least(frames, written)}
        for name, settings in WAYS.items():
            taken = alone(_rendered, folder / name, settings, name.endswith("two_workers"))
            clips = [read_mp4(folder / name / "clips" / f"{j.name}.mp4").frames for j in _jobs({})]
            figures[f"{name}_ratio"] = base / taken
            figures[f"{name}_psnr"] = _least(written, clips)
    return figures


def _written(frames: Frames, file: Path) -> Frames:
    """As a file of ours has them."""
    write_mp4(file, frames, fps=8, crf=_jobs({})[0].config.output.crf, tags={})
    return read_mp4(file).frames


def _least(clips: list[Frames], others: list[Frames]) -> float:
    """The PSNR of the pair that is least alike; 100 stands for no difference at all."""
    return min(100.0, *(psnr(a, b) for a, b in zip(clips, others, strict=True)))


def _loop(folder: Path) -> tuple[float, list[Frames]]:
    """Seconds a clip, and the frames before they are written."""
    pipe: Any = load_pipeline()
    pipe.set_progress_bar_config(disable=True)
    clips = []

    def clip(prompt: str, file: Path) -> None:
        generator = torch.Generator().manual_seed(0)
        output = pipe(
            prompt, num_inference_steps=STEPS, guidance_scale=GUIDANCE, generator=generator
        )
        frames = [np.array(frame) for frame in output.frames[0]]
        iio.imwrite(file, frames, plugin="pyav", codec="libx264", fps=8, out_pixel_format="yuv420p")
        clips.append(np.stack(frames))

    clip(PROMPTS[0], folder / "first.mp4")
    clips.clear()
    start = time.perf_counter()
    for i, prompt in enumerate(PROMPTS):
        clip(prompt, folder / f"{i}.mp4")
    return (time.perf_counter() - start) / len(PROMPTS), clips


def _rendered(folder: Path, settings: dict[str, Any], two: bool) -> float:
    """Seconds a clip, the model loaded; of two workers from the first step to the last file."""
    marks: list[float] = []

    def mark(_: Step | Result) -> None:
        marks.append(time.perf_counter())

    engine: Engine = Processes(2) if two else Here()
    jobs = _jobs(settings)
    if not two:
        with open_folder(folder / "first") as ledger:
            run(jobs[:1], folder / "first", ledger, mark, mark, engine)
        marks = [time.perf_counter()]
    with open_folder(folder) as ledger:
        run(jobs, folder, ledger, mark, mark, engine)
    return (marks[-1] - marks[0]) / len(PROMPTS)


def _jobs(settings: dict[str, Any]) -> list[Job]:
    plain = {"reflection": None, "num_inference_steps": STEPS, "guidance_scale": GUIDANCE}
    rows = [Layer({"prompt": prompt}, "l", {(): 1}) for prompt in PROMPTS]
    return plan([read_config("shapes"), Layer(plain | settings, "more")], rows).jobs
