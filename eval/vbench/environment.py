"""VBench's own environment: the official pins, which no current one can hold, apart from ours.

It is made in steps, each of which is remembered: one that was interrupted is gone on with.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from w2sd_video.eval.errors import EvaluationError
from w2sd_video.eval.vbench import interpreter
from w2sd_video.eval.vbench.dimensions import DIMENSIONS
from w2sd_video.eval.vbench.process import run_task

from w2sd_video.render.errors import InputError
from w2sd_video.render.files.atomic import write_whole
from w2sd_video.render.timing.paces import cache_folder

VERSION = "0.1.5"
# setuptools brings pkg_resources, which clip imports and newer ones lack.
PINS = [f"vbench=={VERSION}", "torch==2.3.1", "torchvision==0.18.1", "setuptools<81"]
SIZE = 6_000_000_000  # bytes, of which torch's CUDA libraries are most
DOWNLOAD = 3_000_000_000  # bytes
STATE = "w2sd-video.json"
LOG = "setup.log"
CHECK_SECONDS = 1200.0
ADVICE = "run: w2sd-video vbench setup"

Say = Callable[[str], None]


def place() -> Path:
    """Where it is, or will be; ``W2SD_VBENCH_ENV`` names another place."""
    given = os.environ.get("W2SD_VBENCH_ENV")
    return Path(given) if given else cache_folder() / f"vbench-{VERSION}"


@dataclass
class State:
    """How far an environment is.

    Attributes:
        pins: what is, or is to be, installed.
        installed: whether all of it is.
        dimensions: by name nothing if it can be imported, or why not; empty before the check.
    """

    pins: list[str] = field(default_factory=lambda: list(PINS))
    installed: bool = False
    dimensions: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> State | None:
        """None if there is no environment, or one of other pins."""
        try:
            state = cls(**json.loads((folder / STATE).read_text("utf-8")))
            return state if state.pins == PINS and isinstance(state.dimensions, dict) else None
        except (OSError, ValueError, TypeError):
            return None

    def write(self, folder: Path) -> None:
        write_whole(folder / STATE, json.dumps(asdict(self), indent=1))

    @property
    def available(self) -> list[str]:
        """Dimensions that can be imported."""
        return [name for name, reason in self.dimensions.items() if not reason]


def python_of(folder: Path) -> Path:
    """Its interpreter."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def opened(folder: Path | None = None) -> tuple[Path, State]:
    """A finished environment's folder and state.

    Raises:
        InputError: if there is none, or one that is not finished.
    """
    folder = folder or place()
    state = State.read(folder)
    if state is None or not python_of(folder).exists():
        raise InputError(f"VBench is not set up here; {ADVICE}", str(folder))
    if not state.dimensions:
        raise InputError(f"VBench is set up in part only; {ADVICE}", str(folder))
    return folder, state


def full_info(folder: Path) -> Path:
    """The official list of prompts that VBench brings.

    Raises:
        InputError: if it is not there.
    """
    for pattern in ("lib/python3.*/site-packages", "Lib/site-packages"):
        for file in folder.glob(f"{pattern}/vbench/VBench_full_info.json"):
            return file
    raise InputError(f"the official prompts come with VBench, which is not here; {ADVICE}")


def setup(folder: Path, say: Say) -> State:
    """Make an environment, or finish one, and see which dimensions can be imported.

    Raises:
        InputError: if there is no room for it, no Python, or the folder is something else.
        EvaluationError: if a step fails; its output is in the folder's ``setup.log``.
    """
    folder = folder.expanduser().absolute()
    state = State.read(folder)
    if state is None:
        _look_at(folder, say)
        _create(folder, say)
        state = State()
        state.write(folder)
    if not state.installed:
        say("installing " + ", ".join(PINS))
        _install(folder)
        state.installed = True
        state.write(folder)
    say("importing the dimensions")
    request = {"task": "check", "dimensions": list(DIMENSIONS)}
    log = folder / "check.log"
    found = run_task(python_of(folder), request, log, silence=CHECK_SECONDS)
    state.dimensions = {name: str(found.get(name, "was not tried")) for name in DIMENSIONS}
    state.write(folder)
    return state


def _look_at(folder: Path, say: Say) -> None:
    """See that there is room."""
    if (folder / STATE).exists():
        say("the environment there has other pins, and is made anew")
        shutil.rmtree(folder)
    if folder.is_dir() and any(folder.iterdir()) and not (folder / "pyvenv.cfg").exists():
        raise InputError("is no environment, and not empty; name another folder", str(folder))
    above = folder
    while not above.exists():
        above = above.parent
    free = shutil.disk_usage(above).free
    gigabytes = f"about {SIZE / 1e9:.0f} GB, and {DOWNLOAD / 1e9:.0f} GB to download"
    say(f"{folder}: {gigabytes}; {free / 1e9:.0f} GB are free")
    if free < SIZE + DOWNLOAD:
        raise InputError(f"has {free / 1e9:.1f} GB free; VBench takes {gigabytes}", str(folder))


def _create(folder: Path, say: Say) -> None:
    uv = shutil.which("uv")
    try:
        python = str(interpreter.find())
    except InputError:
        if not uv or os.environ.get("W2SD_VBENCH_PYTHON"):
            raise
        python = interpreter.VERSIONS[0]  # which uv fetches
    say(f"making it with {'uv' if uv else 'venv'} and {python}")
    if uv:
        _step([uv, "venv", "--allow-existing", "--python", python, str(folder)], folder)
    else:
        _step([python, "-m", "venv", "--clear", str(folder)], folder)


def _install(folder: Path) -> None:
    python = str(python_of(folder))
    if (uv := shutil.which("uv")) and not (folder / "bin" / "pip").exists():
        _step([uv, "pip", "install", "--python", python, *PINS], folder)
    else:
        _step([python, "-m", "pip", "install", "--progress-bar", "off", *PINS], folder)


def _step(command: Iterable[str], folder: Path) -> None:
    """Run an installer; what it prints goes to a log beside the environment, then into it."""
    log = folder.with_name(f"{folder.name}.{LOG}")
    log.parent.mkdir(parents=True, exist_ok=True)
    hidden = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
    with log.open("ab") as stream:
        done = subprocess.run([*command], stdout=stream, stderr=stream, env=hidden, check=False)
    if done.returncode:
        last = log.read_text("utf-8", "replace").strip().splitlines()[-1:] or ["no output"]
        raise EvaluationError(f"{Path(next(iter(command))).name} failed: {last[0]} (see {log})")


def report(state: State) -> list[tuple[str, str]]:
    """By dimension ``""`` or why it is not available, for people."""
    reasons = {"No module named 'detectron2'": "needs detectron2, which no registry carries"}
    told = []
    for name, reason in state.dimensions.items():
        short = next((text for key, text in reasons.items() if key in reason), reason)
        told.append((name, short.splitlines()[0] if short else ""))
    return told
