"""Seconds a step and peak memory of real-size video models: ``python -m benchmarks.accelerator``.

Plain sampling and each mode with a weights pair, then each plan for the memory. The weights are
made up: speed does not depend on them. After nine minutes nothing more is begun, and the table
shows what there is. Without an accelerator small models run on the CPU, to be seen to work.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from statistics import median
from typing import Any

import torch

from w2sd_video import Reflection, Side
from w2sd_video.memory.fit import Fit
from w2sd_video.memory.plan import Offload
from w2sd_video.memory.tensors import GIB, MIB
from w2sd_video.render.versions import versions

from .architectures import Architecture, architectures, build, embeddings

STEPS = 3
MODES = (None, "exact", "implicit", "cached", "extrapolate")  # official takes as much as exact
# What is moved, and bytes that an attention layer may hold.
PLANS: dict[str, tuple[Offload, int | None]] = {
    "all there": ("none", None),
    "all there, attention in 256 MiB": ("none", 256 * MIB),
    "one model at a time": ("model", None),
    "by blocks": ("block", None),
}
TIME = 9 * 60  # seconds

Row = tuple[str, str, str, float, float]  # architecture, plan, mode, seconds a step, GiB


def measured(name: str, architecture: Architecture, device: str, until: float) -> Iterator[Row]:
    """Every mode with all weights on the device, then the reflected clip by the other plans."""
    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    pipe, weak = build(architecture, dtype)
    arguments = architecture.call | embeddings(architecture, dtype)
    fit = Fit(device)
    for plan, (offload, attention) in PLANS.items():
        if offload != "none" and device == "cpu":
            continue
        for mode in MODES if plan == "all there" else ("exact",):
            if time.monotonic() > until:
                print(f"{name}, {plan}, {mode or 'plain'}: left out, time is up", flush=True)
                continue
            reflection = None if mode is None else Reflection(weak=Side(denoiser=weak), mode=mode)

            call = partial(_sample, pipe, arguments, reflection)
            try:
                whole = partial(call, output_type="np")
                fit.prepare(pipe, [weak], whole, offload=offload, attention=attention)
                taken, peak = _clocked(call, fit, device)
            except (torch.OutOfMemoryError, MemoryError) as error:
                print(f"{name}, {plan}, {mode or 'plain'}: {error}", flush=True)
                continue
            yield name, plan, mode or "plain", taken, peak
    fit.release()


def _sample(pipe: Any, arguments: Any, reflection: Reflection | None, **more: Any) -> None:
    pipe(
        **arguments,
        **more,
        num_inference_steps=STEPS,
        guidance_scale=6.0,
        reflection=reflection,
        generator=torch.Generator().manual_seed(0),
    )


def _clocked(call: Any, fit: Fit, device: str) -> tuple[float, float]:
    """Median seconds of a step after the first, and the peak of memory in GiB."""
    times: list[float] = []

    def note(*_: Any) -> dict[str, Any]:
        if device == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter())
        return {}

    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    with fit.applied():
        call(output_type="latent", callback_on_step_end=note)
    peak = torch.cuda.max_memory_allocated() / GIB if device == "cuda" else float("nan")
    return median(after - before for before, after in pairwise(times)), peak


def main() -> None:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    rows: list[Row] = []
    until = time.monotonic() + TIME
    for name, architecture in architectures(small=device == "cpu").items():
        for row in measured(name, architecture, device, until):
            rows.append(row)
            print(*row, sep=", ", flush=True)
        gc.collect()
        if device == "cuda":
            torch.cuda.empty_cache()
    what = torch.cuda.get_device_name() if device == "cuda" else "CPU, small models"
    print(f"\n{what}; " + ", ".join(f"{k} {v}" for k, v in versions().items()))
    print("\n| model | plan | mode | s a step | over plain | peak GiB |")
    print("|---|---|---|---|---|---|")
    plain = {row[0]: row[3] for row in rows if row[2] == "plain"}
    for name, plan, mode, taken, peak in rows:
        ratio = f"{taken / plain[name]:.2f}" if name in plain else ""
        print(f"| {name} | {plan} | {mode} | {taken:.3g} | {ratio} | {peak:.1f} |")


if __name__ == "__main__":
    main()
