"""Processes end with the one that started them, however that ends."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

PARENT = """
import multiprocessing, os, sys, time
from w2sd_video.eval.evidence import worker

def work():
    worker.begin()
    print(os.getpid(), flush=True)
    time.sleep(600)

if __name__ == "__main__":
    process = multiprocessing.get_context("spawn").Process(target=work)
    process.start()
    process.join()
"""


def test_a_killed_parent_leaves_no_one_behind(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as it:
        assert it.stdout is not None
        child = Path("/proc") / it.stdout.readline().strip()
        assert "spawn_main" in _command(child)
        it.kill()
    until = time.monotonic() + 30
    while "spawn_main" in _command(child):  # the number may be another's by now
        assert time.monotonic() < until
        time.sleep(0.05)


def _command(process: Path) -> str:
    try:
        return (process / "cmdline").read_text()
    except OSError:
        return ""
