"""What a worker on a node is started with."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
import ray

from w2sd_video.render.engines import cluster
from w2sd_video.render.versions import versions


@pytest.mark.parametrize(("sharing", "share"), [(1, 1.0), (3, 1 / 3), (100, 1 / 8)])
def test_workers_of_a_node_without_accelerators_share_its_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sharing: int, share: float
) -> None:
    """There is one for each of its cores, but no more than there are in all."""
    nodes = [{"NodeID": "x", "Resources": {"CPU": 64.0}}]
    nodes.append({"NodeID": "here", "Resources": {"CPU": 8.0}})
    monkeypatch.setattr(ray, "nodes", lambda: nodes)
    monkeypatch.setattr(ray, "get_runtime_context", Here)
    shares: list[float] = []
    served = threading.Event()

    def serve(folder: Path, inbox: Any, send: Any, share: float) -> None:
        shares.append(share)
        served.set()

    monkeypatch.setattr(cluster, "serve", serve)
    (tmp_path / "token").touch()
    cluster.Actor(tmp_path, "token", versions(), sharing)
    assert served.wait(10)
    assert shares == [share]


class Here:
    def get_node_id(self) -> str:
        return "here"
