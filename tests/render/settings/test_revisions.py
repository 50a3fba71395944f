"""A hub repository is known by its commit: in the real cache layout, and of a real little hub."""

from __future__ import annotations

import json
import shutil
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from huggingface_hub import constants

from w2sd_video.render.jobs.job import Job
from w2sd_video.render.jobs.plan import plan
from w2sd_video.render.settings import revisions
from w2sd_video.render.settings.config import Config
from w2sd_video.render.settings.layers import Layer
from w2sd_video.render.settings.models import at_hand
from w2sd_video.render.settings.revisions import commit, pinned

from ..runs import render

ID = "someone/tiny"
OLD, NEW = "a" * 40, "b" * 40


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the repository in an empty cache."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    commit.cache_clear()
    yield tmp_path / "hub" / "models--someone--tiny"
    commit.cache_clear()


def downloaded(cache: Path, weights: Path, sha: str, branch: str = "main") -> None:
    """As huggingface_hub leaves a repository that was downloaded by its branch."""
    shutil.copytree(weights, cache / "snapshots" / sha)
    (cache / "refs").mkdir(exist_ok=True)
    (cache / "refs" / branch).write_text(sha)
    commit.cache_clear()


def planned(model: object = ID) -> Job:
    base = Layer({"model": model, "num_frames": 2, "num_inference_steps": 1}, "f")
    small = {"height": 16, "width": 16, "prompt": "a ring"}
    return plan([base], [Layer(small, "l.txt", {(): 1})]).jobs[0]


def test_a_branch_is_the_commit_that_was_downloaded(cache: Path, tiny: Path) -> None:
    downloaded(cache, tiny, OLD)
    first = planned()
    assert first.settings.config.model.revision == OLD
    assert planned({"id": ID, "revision": OLD}).id == first.id
    downloaded(cache, tiny, NEW, "other")
    assert planned().id == first.id
    assert planned({"id": ID, "revision": "other"}).id != first.id
    (cache / "refs" / "main").write_text(NEW)  # somebody has downloaded it anew
    commit.cache_clear()
    assert planned().settings.config.model.revision == NEW


def test_every_weight_is_pinned(cache: Path, tiny: Path) -> None:
    downloaded(cache, tiny, OLD)
    asked = {
        "model": {
            "id": ID,
            "motion_adapter": {"id": ID},
            "ip_adapter": {"path": ID, "weight_name": "x.safetensors"},
            "adapters": {
                "art": {"path": ID, "weight_name": "art.safetensors"},
                "near": {"path": str(tiny)},
            },
        },
        "reflection": {"weak": {"denoiser": {"id": ID}}},
    }
    config = pinned(Config.model_validate(asked))
    model, reflection = config.model, config.reflection
    assert reflection is not None
    weak = reflection.weak.denoiser
    found = [model, model.motion_adapter, model.ip_adapter, model.adapters["art"], weak]
    assert [one.revision for one in found if one] == [OLD] * 5
    assert model.adapters["near"].revision is None  # a folder


def test_the_commit_that_was_planned_is_loaded(cache: Path, tiny: Path, tmp_path: Path) -> None:
    """Even if the branch has moved on since, to what can't be loaded."""
    downloaded(cache, tiny, OLD)
    job = planned()
    (cache / "snapshots" / NEW).mkdir()
    (cache / "refs" / "main").write_text(NEW)
    assert [result.error for result in render([job], tmp_path / "run")] == [None]


class Hub(BaseHTTPRequestHandler):
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        if self.path.startswith("/api/models/"):  # the library asks other things, once a process
            self.asked.append(self.path)
        known = self.path == f"/api/models/{ID}"
        said = json.dumps({"id": ID, "sha": OLD, "siblings": []} if known else {}).encode()
        self.send_response(200 if known else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: object) -> None:
        """Tests print nothing."""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What a hub that knows one repository has been asked."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    Hub.asked.clear()
    yield Hub.asked
    server.shutdown()
    server.server_close()


def test_what_was_never_downloaded_is_asked_of_the_hub_once(cache: Path, hub: list[str]) -> None:
    assert planned().settings.config.model.revision == OLD
    assert not at_hand(ID, OLD)  # nothing but the commit's name
    commit.cache_clear()
    assert planned().settings.config.model.revision == OLD  # from the cache, by another run
    assert hub == [f"/api/models/{ID}"]
    assert planned({"id": ID, "revision": "gone"}).settings.config.model.revision == "gone"


def test_what_is_no_commit_in_the_cache_is_asked_anew(cache: Path, hub: list[str]) -> None:
    (cache / "refs").mkdir(parents=True)
    for torn in ("", OLD[:10]):
        (cache / "refs" / "main").write_text(torn)
        commit.cache_clear()
        assert commit(ID) == OLD


def test_a_hub_that_can_not_tell_is_told_of(
    cache: Path, hub: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    assert commit("no/body") is None
    assert "the commit of no/body is not known, so its clips are known by 'main'" in caplog.text


def test_a_silent_hub_is_not_waited_for(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It accepts, and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{server.getsockname()[1]}")
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(revisions, "PATIENCE", 0.2)
        assert commit(ID, "v2") == "v2"


def test_weights_are_at_hand_if_they_are_of_that_commit(cache: Path, tiny: Path) -> None:
    downloaded(cache, tiny, OLD)
    (cache / "snapshots" / NEW).mkdir()
    (cache / "snapshots" / NEW / "model_index.json").write_text("{}")
    assert at_hand(ID, OLD)
    assert not at_hand(ID, NEW)


def test_without_a_network_the_branch_has_to_do() -> None:
    assert planned().settings.config.model.revision is None
    assert planned({"id": ID, "revision": "v2"}).settings.config.model.revision == "v2"
