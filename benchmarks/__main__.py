"""``python -m benchmarks``: run all, or those named; ``--keep`` puts the results into docs/."""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Iterator
from functools import partial
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

import torch

from w2sd_video.render.versions import versions

from . import attention, clips, options, pairs, resume, scale, start, throughput
from .measure import Figures

DOCS = Path(__file__).parents[1] / "docs"
BEGIN, END = "<!-- measured: begin -->\n", "<!-- measured: end -->\n"


class Benchmark(NamedTuple):
    run: Callable[[], Figures]
    goals: dict[str, float | tuple[float, float]]  # at most; or within


PIECES = {"math_memory_ratio": 0.25, "math_time_ratio": 1.10, "math_error": 1e-5}
BENCHMARKS = {
    "attention-spatial": Benchmark(partial(attention.layer, "spatial"), PIECES),
    "attention-temporal": Benchmark(partial(attention.layer, "temporal"), PIECES),
    "attention-full": Benchmark(partial(attention.layer, "full"), PIECES),
    "feed-forward": Benchmark(partial(attention.layer, "feed_forward"), PIECES),
    "pair-bytes": Benchmark(pairs.fine_tune, {"above_one_over_differing": 1.0}),
    "pair-above-one": Benchmark(
        pairs.above_one_model,
        {f"{kind}_above_mib": 0 for kind in ("lora", "guidance", "prompt", "experts")},
    ),
    "offload-moves": Benchmark(pairs.moves, {"peak_over_room": 1.0, "ratio": 1.0}),
    "modes": Benchmark(
        clips.modes,
        {"guidance_exact": 2.6, "guidance_implicit": 2.1, "guidance_cached": 1.1}
        | {f"weights_{mode}_over_evaluations": 1.05 for mode in clips.MODES},
    ),
    "overhead": Benchmark(clips.overhead, dict.fromkeys(clips.WAYS, 1.05)),
    "options": Benchmark(options.options, {"graph_breaks": 0, "recompiles": 0}),
    "throughput": Benchmark(
        throughput.throughput,
        {"one_ratio": (1.5, inf), "bfloat16_two_workers_ratio": (1.5, inf)}
        | {f"{way}_psnr": (35, inf) for way in throughput.WAYS},
    ),
    "resume": Benchmark(
        resume.resume, {"first_seconds": 10, "again_seconds": 10, "held_mib": 1024}
    ),
    "forecast": Benchmark(scale.expected, {"seconds_over_forecast": (0.85, 1.15)}),
    "scheduling": Benchmark(scale.scheduling, {"milliseconds_a_job": 10}),
    "workers": Benchmark(scale.workers, {"ratio": (1.8, inf)}),
    "start": Benchmark(start.start, {}),
}


def lines(names: list[str]) -> Iterator[dict[str, Any]]:
    kernels = torch.backends.cpu.get_cpu_capability()
    machine = (
        f"{platform.machine()} with {kernels}, {os.cpu_count()} cores, "
        f"{torch.get_num_threads()} threads"
    )
    for name in names or BENCHMARKS:
        begun = time.perf_counter()
        figures = {key: float(f"{value:.4g}") for key, value in BENCHMARKS[name].run().items()}
        told = {"name": name, "figures": figures, "versions": versions(), "machine": machine}
        yield {**told, "seconds": round(time.perf_counter() - begun)}


def table(results: list[dict[str, Any]]) -> str:
    """As a Markdown table, goals beside the figures."""
    rows = ["| benchmark | figure | measured | goal |", "|---|---|---|---|"]
    for result in results:
        goals = BENCHMARKS[result["name"]].goals
        for key, value in result["figures"].items():
            goal = goals.get(key)
            if isinstance(goal, tuple):
                told, missed = f"{goal[0]:g} to {goal[1]:g}", not goal[0] <= value <= goal[1]
                told = told.replace(" to inf", " or more")
            elif goal is not None:
                told, missed = f"≤ {goal:g}", value > goal
            else:
                told, missed = "", False
            measured = f"**{value:g}**" if missed else f"{value:g}"
            rows.append(f"| {result['name']} | {key.replace('_', ' ')} | {measured} | {told} |")
    machines = {
        f"{result['machine']}; "
        + ", ".join(f"{name} {number}" for name, number in result["versions"].items())
        for result in results
    }
    taken = f"All of them took {sum(result['seconds'] for result in results) / 60:.0f} minutes."
    return "\n".join([*rows, "", *sorted(machines), "", taken, ""])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[*BENCHMARKS, []])
    parser.add_argument("--keep", action="store_true", help="put the results into docs/")
    asked = parser.parse_args()
    kept = DOCS / "benchmarks.jsonl"
    results = {}
    if kept.exists():
        results = {r["name"]: r for r in map(json.loads, kept.read_text().splitlines())}
    for result in lines(asked.names):
        print(json.dumps(result), flush=True)
        results[result["name"]] = result
    if asked.keep:
        ordered = [results[name] for name in BENCHMARKS if name in results]
        kept.write_text("".join(json.dumps(result) + "\n" for result in ordered))
        page = DOCS / "benchmarks.md"
        head, _, rest = page.read_text().partition(BEGIN)
        page.write_text(head + BEGIN + table(ordered) + END + rest.partition(END)[2])


if __name__ == "__main__":
    main()
