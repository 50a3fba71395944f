"""Many jobs: what a forecast is worth, what scheduling costs, what a second worker brings."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch

from w2sd_video.render.engines import Place, cluster
from w2sd_video.render.engines.cluster import Actor, Cluster
from w2sd_video.render.engines.crew import Gone, Ready
from w2sd_video.render.jobs.events import Result, Started
from w2sd_video.render.jobs.job import Job
from w2sd_video.render.jobs.plan import plan
from w2sd_video.render.record.folder import open_folder
from w2sd_video.render.run import run
from w2sd_video.render.settings.layers import Layer
from w2sd_video.render.settings.resolve import read_config
from w2sd_video.render.timing.calibrate import calibrate
from w2sd_video.render.timing.forecast import forecast
from w2sd_video.render.timing.paces import Paces

from .measure import Figures, alone

TINY = 10_000
CLIPS = 8  # of the embedded model, each plain and reflected
# More steps than the preset has, so that clips are long beside what is around them.
LONGER = {"num_inference_steps": 25, "reflection": {"mode": "exact", "steps": 0.5}}
BARE = 15.0  # seconds


def expected() -> Figures:
    """What a run took over what was forecast of it, from one clip of each kind."""
    return alone(_expected)


def _expected() -> Figures:
    with tempfile.TemporaryDirectory() as temporary:
        jobs, paces = _jobs(CLIPS), Paces(Path(temporary))
        begun = time.perf_counter()
        calibrate(jobs, paces, Place(), lambda level, line: None)
        calibrating = time.perf_counter() - begun
        told = forecast(jobs, paces, Place())
        assert told
        begun = time.perf_counter()
        size = _rendered(jobs, Path(temporary) / "run", None)
        taken = time.perf_counter() - begun
    return {
        "calibration_seconds": calibrating,
        "forecast_seconds": told.seconds,
        "seconds_over_forecast": taken / told.seconds,
        "bytes_over_forecast": size / told.size,
    }


def workers() -> Figures:
    """How much faster two Ray workers are than one; each has a core, and its model loaded.

    ``bare_ratio`` is what two processes that do nothing but sample come to, with no renderer and
    no Ray about them: what the machine has to give.
    """
    seconds = []
    with _nodes(2), tempfile.TemporaryDirectory() as temporary:
        for count in (1, 2):
            marks: list[float] = []
            jobs = _jobs(CLIPS * count)
            folder = Path(temporary) / str(count)
            with open_folder(folder) as ledger:
                run(
                    jobs,
                    folder,
                    ledger,
                    lambda step, marks=marks: marks.append(time.perf_counter()),
                    lambda result: None,
                    Cluster(count),
                )
            seconds.append((marks[-1] - marks[0]) / len(jobs))
    one, two = (sum(_bare_rates(count)) for count in (1, 2))
    return {
        "one_seconds_a_clip": seconds[0],
        "ratio": seconds[0] / seconds[1],
        "bare_ratio": two / one,
    }


def _bare_rates(count: int) -> list[float]:
    """Of so many processes of one thread that sample at the same time."""
    with ProcessPoolExecutor(count, mp_context=get_context("spawn")) as pool:
        return [future.result() for future in [pool.submit(_bare_rate) for _ in range(count)]]


def _bare_rate() -> float:
    """Calls of the pipeline a second."""
    from w2sd_video.memory.heap import hold_freed
    from w2sd_video.shapes import load_pipeline

    hold_freed()
    torch.set_num_threads(1)
    pipe = load_pipeline()
    pipe.set_progress_bar_config(disable=True)

    def call() -> None:
        pipe(["a red circle moving left"] * 4, num_inference_steps=1, output_type="latent")

    call()
    calls, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < BARE:
        call()
        calls += 1
    return calls / (time.perf_counter() - begun)


def scheduling() -> Figures:
    """Milliseconds a job of ten thousand that take no time, on a Ray cluster, ledger included."""
    stock, cluster.Actor = cluster.Actor, Idle
    try:
        with _nodes(2), tempfile.TemporaryDirectory() as temporary:
            folder, jobs = Path(temporary), _jobs(TINY // 2, memory={"batch_size": 1})
            marks: list[float] = []
            with open_folder(folder) as ledger:
                begun = time.perf_counter()
                run(
                    jobs,
                    folder,
                    ledger,
                    lambda step: None,
                    lambda result: marks.append(time.perf_counter()),
                    Cluster(2),
                )
    finally:
        cluster.Actor = stock
    return {
        "jobs": len(marks),
        "start_seconds": marks[0] - begun,
        "milliseconds_a_job": (marks[-1] - marks[0]) / len(marks) * 1000,
    }


class Idle(Actor):
    """A worker whose clips are there at once."""

    def _serve(self, folder: Path, inbox: Any, send: Any) -> None:
        send(Ready())
        while not inbox.stop.is_set():
            if inbox.batches.empty():
                time.sleep(0.0002)
                continue
            batch = inbox.batches.get()
            send(Started(batch))
            for job in batch:
                send(Result(job, folder))
            send(Ready())
        send(Gone())


@contextmanager
def _nodes(count: int) -> Iterator[None]:
    """A Ray cluster on this machine: a head, and nodes of one core."""
    import ray
    from ray.cluster_utils import Cluster as Nodes

    nodes = Nodes(initialize_head=True, head_node_args={"num_cpus": 0})
    for _ in range(count):
        nodes.add_node(num_cpus=1)
    nodes.connect()
    try:
        yield
    finally:
        ray.shutdown()
        nodes.shutdown()


def _jobs(count: int, **more: Any) -> list[Job]:
    rows = [
        Layer({"prompt": "a red circle moving left", "seed": i}, "l", {(): i}) for i in range(count)
    ]
    layers = [read_config("shapes"), Layer(LONGER, "longer"), Layer(more, "more")]
    return plan(layers, rows, baseline=True).jobs


def _rendered(jobs: list[Job], folder: Path, engine: Any) -> int:
    """Bytes of what was rendered."""
    size = 0

    def on_result(result: Result) -> None:
        nonlocal size
        size += result.size

    with open_folder(folder) as ledger:
        run(jobs, folder, ledger, lambda step: None, on_result, engine)
    return size
