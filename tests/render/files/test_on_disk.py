"""What whole runs leave on the disk: where it lies, and in what order it came there."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from w2sd_video.render.files.clips import files
from w2sd_video.render.inference.worker import Clip, Worker
from w2sd_video.render.jobs.events import Cost, Result
from w2sd_video.render.record.ledger import Ledger

from ...conftest import Call
from ..rows import planned
from ..runs import render

# A prompt, and the name of its clip.
PROMPTS = {
    "/etc/passwd": "etc-passwd-s0",
    "../../x": "x-s0",
    "C:\\Windows\\..\\system32": "c-windows-system32-s0",
    "~root/.ssh": "root-ssh-s0",
    "..": "clip-s0",
    "con": "con-s0",
    "NUL.txt": "nul-txt-s0",
    "-rf *": "rf-s0",
    "a\nb\tc": "a-b-c-s0",
    "x" * 300: f"{'x' * 60}-s0",
    "word " * 100: f"{'word-' * 12}s0",
    "\U0001f600 \U0001f468\u200d\U0001f680": "clip-s0",
    "\u05e9\u05dc\u05d5\u05dd": "clip-s0",
    "\u202egpj.exe": "gpj-exe-s0",
}
# Given names that are taken as they are.
NAMES = ["\u05e9\u05dc\u05d5\u05dd", "\u7ea2", "-rf", "a, 1.5 (b)'_", "\u00e9", "x" * 220]


@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_prompt_names_plain_files(prompt: str, tmp_path: Path) -> None:
    (job,) = planned({"prompt": prompt}).jobs
    assert job.name == PROMPTS[prompt]
    for path in files(tmp_path, job).values():
        assert path.resolve().parent == tmp_path / "clips"


@pytest.fixture
def blank(monkeypatch: pytest.MonkeyPatch) -> None:
    """No model is loaded, and clips are black."""
    clip = Clip(np.zeros((2, 16, 16, 3), np.uint8), Cost(4, {"denoise": 1.0}), [])
    monkeypatch.setattr(Worker, "render", lambda _, batch, on_step: [clip] * len(batch))


@pytest.mark.usefixtures("blank")
def test_a_run_stays_in_its_folder(here: Path, call: Call) -> None:
    listed = [{"prompt": prompt} for prompt in PROMPTS]
    listed += [{"prompt": f"{i}", "name": name} for i, name in enumerate(NAMES)]
    Path("l.jsonl").write_text("\n".join(map(json.dumps, listed)))
    Path("c.yaml").write_text("model: org/model\n")
    outside = set(here.rglob("*"))
    outcome = call("render", "l.jsonl", "-c", "c.yaml", "-o", "out")
    assert (outcome.code, outcome.err) == (0, "")
    run = here / "out"
    assert {path for path in here.rglob("*") if run not in (path, *path.parents)} == outside
    names = {path.name for path in (run / "clips").iterdir()}
    assert len(names) == 2 * len(listed)
    ours = {f"{name}{suffix}" for name in NAMES for suffix in (".json", ".mp4")}
    assert ours < names
    assert all(re.fullmatch(r"[a-z0-9-]{1,80}\.(json|mp4)", name) for name in names - ours)


@pytest.mark.usefixtures("blank")
def test_files_are_on_the_disk_then_in_place_then_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync, replace, ended = os.fsync, os.replace, Ledger.ended
    happened: list[tuple[str, Any]] = []

    def synced(file: int) -> None:
        fsync(file)
        happened.append(("on disk", os.fstat(file).st_ino))

    def replaced(part: Path, target: Path) -> None:
        replace(part, target)
        if target.parent.name == "clips":
            happened.append(("in place", target.stat().st_ino))

    def recorded(self: Ledger, result: Result) -> None:
        happened.append(("recorded", result.job.name))
        ended(self, result)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", replaced)
    monkeypatch.setattr(Ledger, "ended", recorded)
    render(planned({"output": {"formats": ["gif"]}}).jobs, tmp_path)
    written = {path.stat().st_ino for path in (tmp_path / "clips").iterdir()}
    count = len(written)
    assert count == 3
    order = ["on disk"] * count + ["in place"] * count + ["recorded"]
    assert [what for what, _ in happened] == order
    assert {which for _, which in happened[:count]} == written
    assert {which for _, which in happened[count:-1]} == written
