"""The search for a Python that VBench's pins can be installed into."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from w2sd_video.render.errors import InputError

VERSIONS = ("3.10", "3.11")  # best first
ASK = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"


def find() -> Path:
    """A Python of a version that VBench runs in; ``W2SD_VBENCH_PYTHON`` names one.

    Raises:
        InputError: if there is none, or the one named is of no use.
    """
    if given := os.environ.get("W2SD_VBENCH_PYTHON"):
        if (version := _version(given)) not in VERSIONS:
            what = f"is Python {version}" if version else "is no Python with venv and ensurepip"
            raise InputError(f"{what}; VBench needs {_needed()}", given, key="W2SD_VBENCH_PYTHON")
        return Path(given)
    for version in VERSIONS:
        for candidate in _candidates(version):
            if _version(candidate) == version:
                return Path(candidate)
    raise InputError(
        f"VBench needs {_needed()}, which was not found; install it, or uv, or name it in"
        " W2SD_VBENCH_PYTHON"
    )


def _needed() -> str:
    return " or ".join(f"Python {version}" for version in VERSIONS)


def _candidates(version: str) -> Iterator[str]:
    yield sys.executable
    if found := shutil.which(f"python{version}"):
        yield found
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    for root in (pyenv / "versions", Path("/opt"), Path("/usr/local"), Path("/usr")):
        for pattern in (f"{version}.*/bin/python", f"bin/python{version}"):
            yield from map(str, sorted(root.glob(pattern)))
    if launcher := shutil.which("py"):  # of Windows
        command = [launcher, f"-{version}", "-c", "import sys; print(sys.executable)"]
        told = subprocess.run(command, capture_output=True, text=True, check=False)
        yield told.stdout.strip()


def _version(python: str) -> str:
    """Such as 3.10; nothing if it can't make environments, or does not run."""
    try:
        asked = subprocess.run(
            [python, "-c", ASK], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return ""
    return asked.stdout.strip() if asked.returncode == 0 else ""
