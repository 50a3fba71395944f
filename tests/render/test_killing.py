"""Killed at any moment and rendered again: every clip is there, once, and the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

KILLS = int(os.environ.get("KILLS", "20"))  # 200 in `make nightly`


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_nothing_is_lost(tiny: Path, tmp_path: Path) -> None:
    ask = [sys.executable, "-m", "tests.render.killing", str(tiny), str(tmp_path), str(KILLS)]
    done = subprocess.run(
        ask, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[0]) > KILLS // 4, done.stdout
