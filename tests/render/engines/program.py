"""``render`` as a program of its own, and the processes that it starts."""

from __future__ import annotations

import json
from typing import Any

import psutil

RENDER = """
import sys
from w2sd_video.cli import render_main
if __name__ == "__main__":
    sys.argv = ["render", *sys.argv[1:]]
    render_main()
"""


def events(program: psutil.Popen) -> list[dict[str, Any]]:
    """All that it is still going to tell."""
    return [json.loads(line) for line in program.stdout]


def wait_for(program: psutil.Popen, event: str) -> dict[str, Any]:
    for line in program.stdout:
        told: dict[str, Any] = json.loads(line)
        if told["event"] == event:
            return told
    raise AssertionError(f"no {event}")


def workers(of: psutil.Process) -> list[psutil.Process]:
    """The processes of an engine's workers, here or on a cluster's nodes that it has started."""
    marks = "spawn_main", "ray::Actor"
    found = [(p, " ".join(p.cmdline())) for p in of.children(recursive=True)]
    return [process for process, line in found if any(mark in line for mark in marks)]
