from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import pytest
import yaml

from w2sd_video.render.record.folder import open_folder
from w2sd_video.render.run import run

from .listed import PROMPTS, listed, pixels
from .program import RENDER


@pytest.fixture(scope="session")
def here(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of the list, rendered in this process."""
    folder = tmp_path_factory.mktemp("here")
    with open_folder(folder) as ledger:
        run(listed(tiny), folder, ledger, lambda step: None, lambda result: None)
    return pixels(folder)


@pytest.fixture(autouse=True)
def _own_ray(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test finds a cluster but its own, or leaves anything at home."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")  # else it writes a token that all others need
    monkeypatch.setenv("RAY_worker_niceness", "0")  # else they starve beside a training run
    # Not tmp_path, which is too long for the names of sockets.
    with TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder:
        monkeypatch.setenv("RAY_TMPDIR", folder)
        yield


@pytest.fixture
def started(tiny: Path, tmp_path: Path) -> Iterator[Callable[..., psutil.Popen]]:
    """Starts ``render`` as a program, into ``out``: the list, with more settings and options."""
    (tmp_path / "l.txt").write_text("\n".join(PROMPTS))
    (tmp_path / "render.py").write_text(RENDER)
    programs: list[psutil.Popen] = []

    def start(*options: str, **more: object) -> psutil.Popen:
        config = listed(tiny, **more)[0].config
        settings = config.model_dump(mode="json", exclude={"prompt", "seed", "name"})
        (tmp_path / "c.yaml").write_text(yaml.safe_dump(settings))
        ask = ["render.py", "l.txt", "-c", "c.yaml", "-o", "out", "--json", *options]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        program = psutil.Popen([sys.executable, *ask], cwd=tmp_path, text=True, **pipes)
        programs.append(program)
        return program

    yield start
    for program in programs:  # that a failed test has left
        with suppress(psutil.NoSuchProcess):
            for process in (*program.children(recursive=True), program):
                process.kill()
