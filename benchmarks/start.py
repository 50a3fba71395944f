"""How long until something happens."""

from __future__ import annotations

import subprocess
import sys

from w2sd_video.shapes import load_pipeline

from .measure import Figures, seconds


def start() -> Figures:
    """`render --help` beside an interpreter that does nothing, and loading the embedded model."""
    ask = "import sys; from w2sd_video.cli import render_main; sys.argv[1:] = ['--help']; "

    def run(code: str) -> None:
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)

    told, nothing = seconds(lambda: run(ask + "render_main()"), lambda: run(""))
    (load,) = seconds(load_pipeline, rounds=3)
    return {"help_seconds": told, "empty_seconds": nothing, "load_seconds": load}
