"""A real Ray cluster of several nodes on this machine: the same clips, whatever happens to it."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import psutil
import pytest
import ray
from ray.cluster_utils import Cluster as Nodes

from w2sd_video.render.engines import cluster
from w2sd_video.render.engines.cluster import Cluster
from w2sd_video.render.errors import InputError
from w2sd_video.render.jobs.events import Result, Step
from w2sd_video.render.record.folder import open_folder
from w2sd_video.render.record.ledger import Ledger
from w2sd_video.render.reporting.headway import Headway
from w2sd_video.render.run import run

from .listed import listed, pixels
from .program import workers

pytestmark = pytest.mark.slow


@pytest.fixture
def nodes() -> Iterator[Any]:
    """A cluster whose head renders nothing, and one node that does."""
    made = Nodes(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    made.add_node(num_cpus=1)
    made.connect()
    yield made
    ray.shutdown()
    made.shutdown()


@pytest.mark.parametrize("there", [True, False])
def test_the_run_s_own_signals_stay(there: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray would exit at once at SIGTERM, where a run ends its step."""

    def connected(**_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # as ray.init() puts one of its own
        if not there:
            raise ConnectionError("no such cluster")

    monkeypatch.setattr(ray, "init", connected)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    before = signal.getsignal(signal.SIGTERM)
    with nullcontext() if there else pytest.raises(InputError), cluster._connected():
        assert signal.getsignal(signal.SIGTERM) == before
    assert signal.getsignal(signal.SIGTERM) == before


def test_nodes_come_and_go(nodes: Any, tiny: Path, tmp_path: Path, here: dict[str, bytes]) -> None:
    """One joins late and is used; the other dies while it holds a clip, which is rendered again.

    Its worker is held in the middle of the clip, so that it can't be through before.
    """
    first = next(node for node in nodes.list_all_nodes() if node is not nodes.head_node)
    jobs = listed(tiny)
    headway = Headway(jobs)
    results: list[Result] = []
    worker: psutil.Process | None = None
    held = ""
    dead = False
    deadline = time.monotonic() + 300

    def on_step(step: Step) -> None:
        nonlocal worker, held, dead
        headway.step(step)
        name = step.jobs[0].name
        if worker is None:
            (worker,) = workers(psutil.Process())
            worker.suspend()
            held = name
            nodes.add_node(num_cpus=1)
        elif not held:
            worker.suspend()
            held = name
        elif not dead and name == held and step.done == step.total:
            worker.resume()  # it was through before it was held; another clip, then
            held = ""
        elif not dead and len(headway.under_way) == 2:  # workers' progress is one
            nodes.remove_node(first, allow_graceful=False)
            dead = True

    def on_result(result: Result) -> None:
        headway.result(result)
        results.append(result)

    def check() -> None:
        assert time.monotonic() < deadline, "nobody takes the place of the held worker"

    with open_folder(tmp_path) as ledger:
        run(jobs, tmp_path, ledger, on_step, on_result, Cluster(), check)
        rows = list(ledger.rows())
    assert pixels(tmp_path) == here
    assert {row["state"] for row in rows} == {"done"}
    assert dead
    assert max(row["attempts"] for row in rows) == 2  # it did hold one
    assert headway.share == 1.0
    assert sorted(result.job.name for result in results) == sorted(job.name for job in jobs)
    assert not list(tmp_path.glob(".*.part"))


def test_it_ends_after_the_steps_under_way(nodes: Any, tiny: Path, tmp_path: Path) -> None:
    seen: list[Step] = []

    def check() -> None:
        if any(step.done == 2 for step in seen):
            raise KeyboardInterrupt

    jobs = listed(tiny, num_inference_steps=200)
    with open_folder(tmp_path) as ledger, pytest.raises(KeyboardInterrupt):
        run(jobs, tmp_path, ledger, seen.append, lambda result: None, Cluster(1), check)
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        assert {row["state"] for row in ledger.rows()} == {"queued"}
    assert max(step.done for step in seen) < 200


def test_bad_input_is_told_as_such(nodes: Any, tiny: Path, tmp_path: Path) -> None:
    jobs = listed(tiny, scheduler={"name": "DDIMScheduler", "timestep_spacin": "trailing"})
    with (
        open_folder(tmp_path) as ledger,
        pytest.raises(InputError, match=r"^f: scheduler.timestep_spacin: DDIMScheduler has no"),
    ):
        run(jobs, tmp_path, ledger, lambda step: None, lambda result: None, Cluster())


def test_a_folder_that_nodes_do_not_see(
    nodes: Any, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "_token", lambda folder: nullcontext("not-there"))
    with (
        open_folder(tmp_path) as ledger,
        pytest.raises(InputError, match=r"can't be seen from .*; take a folder that all nodes"),
    ):
        run(listed(tiny), tmp_path, ledger, lambda step: None, lambda result: None, Cluster())


def test_a_node_with_other_versions(
    nodes: Any, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = cluster.versions()
    monkeypatch.setattr(cluster, "versions", lambda: there | {"torch": "1.0"})
    with (
        open_folder(tmp_path) as ledger,
        pytest.raises(InputError, match=r"has torch .*, and this machine has not"),
    ):
        run(listed(tiny), tmp_path, ledger, lambda step: None, lambda result: None, Cluster())


def test_weights_by_a_relative_path(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny.parent)
    jobs = listed(Path(f"./{tiny.name}"))
    with (
        open_folder(tmp_path) as ledger,
        pytest.raises(InputError, match="has to be an absolute path, the same on all nodes"),
    ):
        run(jobs, tmp_path, ledger, lambda step: None, lambda result: None, Cluster())
