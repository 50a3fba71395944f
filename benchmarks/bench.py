"""The benchmarks: each prints one JSON line with its figures, versions and machine.

Seconds are of this machine; what may be quoted elsewhere are the ratios within one line.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from statistics import median

Figures = dict[str, float | int]


def timed(work: Callable[[], object], times: int = 3) -> float:
    """Median seconds of a few runs after one to warm up."""
    work()
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return median(seconds)


def bench_help() -> Figures:
    """`render --help`, as a process, beside an interpreter that does nothing."""
    ask = "import sys; from w2sd_video.cli import render_main; sys.argv[1:] = ['--help']; "
    run = [sys.executable, "-c", ask + "render_main()"]
    seconds = timed(lambda: subprocess.run(run, capture_output=True, check=True), 5)
    empty = timed(lambda: subprocess.run([sys.executable, "-c", ""], check=True), 5)
    return {"seconds": seconds, "empty_interpreter_seconds": empty}


def bench_load() -> Figures:
    """Loading the embedded video model, imports done before."""
    from w2sd_video.shapes import load_pipeline

    return {"seconds": timed(lambda: load_pipeline("video"))}


def bench_clip() -> Figures:
    """One clip of 16 frames in 25 steps, plain and in each mode with the weak partner.

    Ratios of seconds to the plain clip stand beside ratios of evaluations.
    """
    import torch

    from w2sd_video import Reflection, Side, reflect
    from w2sd_video.core.reflection import MODES
    from w2sd_video.shapes import load_pipeline

    pipe = load_pipeline("video")
    pipe.set_progress_bar_config(disable=True)
    weak = Side(denoiser=load_pipeline("video", weak=True).unet)

    def clip(reflection: Reflection | None) -> tuple[float, int]:
        with reflect(pipe, reflection) as run:
            call = {"num_inference_steps": 25, "guidance_scale": 2.0}

            def sample() -> None:
                pipe(
                    "a red circle moving left on a white background",
                    generator=torch.Generator().manual_seed(0),
                    **call,
                )

            seconds = timed(sample)
            return seconds, run.evaluations // 4

    plain, evaluations = clip(None)
    figures: Figures = {"plain_seconds": plain, "plain_evaluations": evaluations}
    for mode in MODES:
        seconds, count = clip(Reflection(weak=weak, steps=0.5, mode=mode))
        figures[f"{mode}_time_ratio"] = seconds / plain
        figures[f"{mode}_evaluations_ratio"] = count / evaluations
    return figures


BENCHMARKS = {"help": bench_help, "load": bench_load, "clip": bench_clip}


def lines(names: list[str]) -> Iterator[str]:
    import torch

    from w2sd_video.render.versions import versions

    machine = f"{platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads"
    for name in names or BENCHMARKS:
        figures = {key: round(value, 4) for key, value in BENCHMARKS[name]().items()}
        yield json.dumps({"name": name, **figures, "versions": versions(), "machine": machine})


if __name__ == "__main__":
    for line in lines(sys.argv[1:]):
        print(line, flush=True)
