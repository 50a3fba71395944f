"""Run an evidence, and note how its result came about."""

from __future__ import annotations

import os
import platform
import time
from typing import TYPE_CHECKING, cast

import torch

from w2sd_video.render.versions import versions
from w2sd_video.shapes.precision import has_bf16

from . import Recorded, load
from .result import Made, Result

if TYPE_CHECKING:
    from .embedded.record import Record


def measured(
    name: str, seed: int = 0, quick: bool = False, recorded: Record | None = None
) -> Result:
    """What an evidence finds.

    Args:
        recorded: clips that are not sampled again, of an evidence that keeps them.
    """
    started, cpu = time.perf_counter(), _cpu_seconds()
    if recorded:
        result = cast(Recorded, load(name)).run(seed, quick, recorded)
    else:
        result = load(name).run(seed, quick)
    made = result.made or Made(
        command=f"w2sd-video evidence {name}{' --quick' if quick else ''}"
        f"{' --recorded' if recorded else ''}"
        f"{f' --seed {seed}' if seed else ''}",
        seed=seed,
        seconds=time.perf_counter() - started,
        cpu_seconds=_cpu_seconds() - cpu,
        versions=versions(),
        machine=f"{platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads,"
        f" {'with' if has_bf16('cpu') else 'without'} bfloat16",
    )
    warning = ["Made with `--quick`: far too small to show anything."] if quick else []
    return result.model_copy(update={"made": made, "remarks": [*warning, *result.remarks]})


def _cpu_seconds() -> float:
    """Of this process, and of those that it started and that have ended."""
    return sum(os.times()[:4])
