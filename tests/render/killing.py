"""``python -m tests.render.killing MODEL FOLDER KILLS``: render, be killed, render again.

A process of its own, because it forks: torch is imported once, and every child that renders is
killed at a moment drawn from the length of a whole run. ``FOLDER/whole`` is never interrupted;
``FOLDER/killed`` is all the time, and when it is done nevertheless it is compared and begun anew.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

import torch

from w2sd_video.render.jobs.plan import plan
from w2sd_video.render.record.folder import open_folder
from w2sd_video.render.record.ledger import Ledger
from w2sd_video.render.record.standing import standing
from w2sd_video.render.run import run
from w2sd_video.render.settings.layers import Layer

PROMPTS = ("a red", "blue", "ring")


def render(model: Path, folder: Path) -> None:
    base = {
        "model": str(model),
        "height": 16,
        "width": 16,
        "num_frames": 4,
        "num_inference_steps": 2,
        "guidance_scale": 3.0,
        "reflection": {"weak": {"guidance_scale": 1.0}},
        "output": {"formats": ["mp4", "gif"]},
    }
    rows = [Layer({"prompt": prompt}, "l.txt", {(): i}) for i, prompt in enumerate(PROMPTS, 1)]
    jobs = plan([Layer(base, "f")], rows, baseline=True).jobs
    with open_folder(folder) as ledger:
        found = standing(jobs, folder, ledger)
        run(found.jobs, folder, ledger, lambda step: None, lambda result: None)


def in_child(model: Path, folder: Path, seconds: float | None) -> bool:
    """Render in a child that is killed after so long; whether it came to its end before."""
    child = os.fork()
    if not child:
        render(model, folder)
        os._exit(0)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1] == 0


def published(folder: Path) -> dict[str, bytes]:
    """What is in place; of the JSON, which has the seconds that it took, only that it is whole."""
    found = {}
    for file in (folder / "clips").glob("[!.]*"):
        whole = file.read_bytes()
        found[file.name] = bytes(bool(json.loads(whole))) if file.suffix == ".json" else whole
    return found


def compare(whole: Path, killed: Path) -> None:
    """See that nothing is missing, left over, rendered twice or different."""
    assert published(whole) == published(killed)
    assert not list((killed / "clips").glob(".*"))
    with Ledger(killed / "ledger.sqlite") as ledger:
        rows = list(ledger.rows())
    assert {row["state"] for row in rows} == {"done"}
    assert len(rows) == len({row["name"] for row in rows}) == 2 * len(PROMPTS)


def done(folder: Path) -> dict[Path, int]:
    """When the clips that the ledger knows as done were written."""
    if not (folder / "ledger.sqlite").is_file():
        return {}
    with Ledger(folder / "ledger.sqlite") as ledger:
        files = [folder / "clips" / f"{row['name']}.mp4" for row in ledger.rows("done")]
    return {file: file.stat().st_mtime_ns for file in files}


def main() -> None:
    model, folder, kills = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(1)  # no threads before a fork
    whole, killed = folder / "whole", folder / "killed"
    render(model, whole)
    start = time.monotonic()
    assert in_child(model, folder / "clocked", None)
    length = time.monotonic() - start
    moments, resumed = random.Random(0), 0
    kept: dict[Path, int] = {}
    while kills:
        ended = in_child(model, killed, moments.uniform(0, length))
        for file, written in kept.items():  # what was done is not done again
            assert file.stat().st_mtime_ns == written, file.name
        if ended:
            compare(whole, killed)
            shutil.rmtree(killed)
            kept = {}
        else:
            kills -= 1
            there = published(killed)
            assert there.items() <= published(whole).items()  # what is there is complete
            resumed += bool(there)
            kept = done(killed)
    assert in_child(model, killed, None)
    compare(whole, killed)
    print(resumed, "had clips when they were killed")


if __name__ == "__main__":
    main()
