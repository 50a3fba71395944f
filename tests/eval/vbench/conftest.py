"""An environment like VBench's, in which another runner answers, and clips to ask it about."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from w2sd_video.eval.vbench import environment, process, weights
from w2sd_video.eval.vbench.dimensions import DIMENSIONS, chosen
from w2sd_video.eval.vbench.scoring import Report, Request, evaluate

from ..noise import write_clip
from .fake_runner import value

Evaluate = Callable[..., Report]

FAKE = Path(__file__).with_name("fake_runner.py")
PROMPTS = [
    {"prompt_en": "a lamp, at rest", "dimension": ["temporal_flickering"]},
    {"prompt_en": "A vase's shadow", "dimension": ["temporal_flickering"]},
    {"prompt_en": "a dog runs", "dimension": ["subject_consistency", "dynamic_degree"]},
    {"prompt_en": "A Quiet Town", "dimension": ["aesthetic_quality", "imaging_quality"]},
    {"prompt_en": "a quiet town", "dimension": ["aesthetic_quality", "imaging_quality"]},
    {"prompt_en": "a dog runs", "dimension": ["temporal_style"]},
]
LACKS = "ModuleNotFoundError: No module named 'detectron2'"


def make_environment(
    folder: Path, prompts: Sequence[object] = PROMPTS, detectron: bool = False
) -> Path:
    """A finished environment: this interpreter, and a list of prompts."""
    python = environment.python_of(folder)
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    package = folder / "lib" / "python3.10" / "site-packages" / "vbench"
    package.mkdir(parents=True)
    (package / "VBench_full_info.json").write_text(json.dumps(prompts))
    found = {n: LACKS if d.detectron and not detectron else "" for n, d in DIMENSIONS.items()}
    environment.State(installed=True, dimensions=found).write(folder)
    return folder


@pytest.fixture
def vbench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The environment, as the command line finds it."""
    folder = make_environment(tmp_path / "vbench")
    monkeypatch.setenv("W2SD_VBENCH_ENV", str(folder))
    monkeypatch.setenv("VBENCH_CACHE_DIR", str(tmp_path / "no weights"))
    return folder


@dataclass
class Fake:
    """The runner that answers."""

    log: Path
    set: Callable[[str], None]

    @property
    def calls(self) -> list[tuple[str, list[str]]]:
        """Every task so far, and the names of its clips."""
        return [(task, names) for task, names, _ in self._lines]

    @property
    def variables(self) -> list[dict[str, str | None]]:
        """Of every task so far, what its environment says of weights."""
        return [variables for _, _, variables in self._lines]

    @property
    def _lines(self) -> list[tuple[str, list[str], dict[str, str | None]]]:
        return [*map(json.loads, self.log.open())] if self.log.exists() else []


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    """Its calls, and a switch for its faults."""
    log = tmp_path / "calls.jsonl"
    monkeypatch.setenv("FAKE_CALLS", str(log))
    monkeypatch.setattr(process, "RUNNER", FAKE)
    return Fake(log, lambda fault: monkeypatch.setenv("FAKE", fault))


def is_there(pid: int) -> bool:
    """Whether a process runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not (state.exists() and state.read_text().split()[2] == "Z")


def wait_for(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Until something is true, which on a busy machine takes a while."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.fixture
def weightless(monkeypatch: pytest.MonkeyPatch) -> None:
    """The runner here needs none."""
    monkeypatch.setattr(weights, "WEIGHTS", dict.fromkeys(weights.WEIGHTS, ()))


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    folder = tmp_path / "clips"
    for i, name in enumerate(("a dog-0", "a dog-1", "a cat-0")):
        write_clip(folder / f"{name}.mp4", i)
    return folder


@pytest.fixture
def score(clips: Path, vbench: Path, fake: Fake) -> Evaluate:
    """Score the clips on dimensions, given by name."""

    def run(*names: str, **changes: object) -> Report:
        dimensions = chosen(names or ["temporal_flickering"], "")
        request = Request(clips, dimensions, "custom", vbench, vbench, 20.0)
        return evaluate(replace(request, **changes), lambda line: None)

    return run


def expected(clips: Path, name: str = "temporal_flickering", of: str = "") -> float:
    request = {"task": "score", "dimension": name}
    found = [float(value(request, str(path))) for path in sorted(clips.glob(f"{of}*.mp4"))]
    return sum(found) / len(found)
