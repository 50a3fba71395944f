"""Making the environment: with what, in which steps, and how it goes on after a stop."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from w2sd_video.eval.errors import Crashed, EvaluationError
from w2sd_video.eval.vbench import environment, interpreter

from w2sd_video.render.errors import InputError

from . import official
from .conftest import Fake


class Installer:
    """Takes the place of venv, pip and uv; ``fails`` names a word of a command that fails."""

    def __init__(self) -> None:
        self.commands: list[list[str]] = []
        self.fails = ""

    def __call__(self, command: list[str], **options: object) -> SimpleNamespace:
        self.commands.append([Path(command[0]).name, *command[1:]])
        if self.fails and self.fails in command:
            options["stdout"].write(b"working\nno such release\n")
            return SimpleNamespace(returncode=1)
        if "venv" in command:
            folder = Path(command[-1])
            shutil.rmtree(folder, ignore_errors=True)
            python = environment.python_of(folder)
            python.parent.mkdir(parents=True)
            python.symlink_to(sys.executable)
            (folder / "pyvenv.cfg").touch()
            if "-m" in command:
                (python.parent / "pip").touch()
        return SimpleNamespace(returncode=0)


@pytest.fixture
def installer(monkeypatch: pytest.MonkeyPatch, fake: Fake) -> Installer:
    found = Installer()
    monkeypatch.setattr(environment.subprocess, "run", found)
    monkeypatch.setattr(interpreter, "find", lambda: Path("/some/python3.10"))
    monkeypatch.setattr(environment.shutil, "which", lambda name: None)
    monkeypatch.setattr(
        environment.shutil, "disk_usage", lambda path: SimpleNamespace(free=20_000_000_000)
    )
    return found


PIP = ["python", "-m", "pip", "install", "--progress-bar", "off", *environment.PINS]


def test_made_with_venv_and_pip(installer: Installer, tmp_path: Path) -> None:
    said: list[str] = []
    folder = tmp_path / "env"
    state = environment.setup(folder, said.append)
    assert installer.commands == [["python3.10", "-m", "venv", "--clear", str(folder)], PIP]
    assert said[0] == f"{folder}: about 6 GB, and 3 GB to download; 20 GB are free"
    assert len(state.available) == 12
    assert dict(environment.report(state))["color"] == "needs detectron2, which no registry carries"
    assert environment.opened(folder)[1] == state


def test_made_with_uv(
    installer: Installer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment.shutil, "which", lambda name: "/bin/uv")
    folder = tmp_path / "env"
    environment.setup(folder, lambda line: None)
    python = str(environment.python_of(folder))
    assert installer.commands == [
        ["uv", "venv", "--allow-existing", "--python", "/some/python3.10", str(folder)],
        ["uv", "pip", "install", "--python", python, *environment.PINS],
    ]

    def none() -> Path:
        raise InputError("there is none")

    monkeypatch.setattr(interpreter, "find", none)
    environment.setup(tmp_path / "other", lambda line: None)
    assert installer.commands[2][4] == "3.10"  # which uv fetches
    monkeypatch.setattr(environment.shutil, "which", lambda name: None)
    with pytest.raises(InputError, match="there is none"):
        environment.setup(tmp_path / "third", lambda line: None)


def test_a_failed_step_is_told_and_gone_on_with(installer: Installer, tmp_path: Path) -> None:
    folder = tmp_path / "env"
    installer.fails = "pip"
    with pytest.raises(EvaluationError, match=r"python failed: no such release \(see .*env\.setup"):
        environment.setup(folder, lambda line: None)
    with pytest.raises(InputError, match="in part only"):
        environment.opened(folder)
    installer.fails = ""
    environment.setup(folder, lambda line: None)
    assert [command[2] for command in installer.commands] == ["venv", "pip", "pip"]
    environment.setup(folder, lambda line: None)  # finished: looked at once more, and no more
    assert len(installer.commands) == 3


def test_a_half_made_folder_is_made_anew(installer: Installer, tmp_path: Path) -> None:
    folder = tmp_path / "env"
    folder.mkdir()
    (folder / "pyvenv.cfg").touch()  # killed in the midst of venv
    environment.setup(folder, lambda line: None)
    assert [command[2] for command in installer.commands] == ["venv", "pip"]


def test_other_pins_are_made_anew(installer: Installer, tmp_path: Path) -> None:
    folder = tmp_path / "env"
    environment.setup(folder, lambda line: None)
    state = json.loads((folder / "w2sd-video.json").read_text())
    (folder / "w2sd-video.json").write_text(json.dumps(state | {"pins": ["vbench==0.1.4"]}))
    with pytest.raises(InputError, match="not set up here"):
        environment.opened(folder)
    environment.setup(folder, lambda line: None)
    assert [command[2] for command in installer.commands] == ["venv", "pip"] * 2


def test_what_is_in_the_way(
    installer: Installer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(InputError, match="is no environment, and not empty"):
        environment.setup(tmp_path, lambda line: None)
    assert (tmp_path / "thesis.tex").exists()
    monkeypatch.setattr(
        environment.shutil, "disk_usage", lambda path: SimpleNamespace(free=4_000_000_000)
    )
    with pytest.raises(InputError, match=r"has 4\.0 GB free; VBench takes about 6 GB"):
        environment.setup(tmp_path / "env", lambda line: None)
    assert not installer.commands


def test_a_check_that_crashes(installer: Installer, tmp_path: Path, fake: Fake) -> None:
    fake.set("crash")
    with pytest.raises(Crashed, match="would not load"):
        environment.setup(tmp_path / "env", lambda line: None)


def test_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("W2SD_CACHE", str(tmp_path))
    monkeypatch.delenv("W2SD_VBENCH_ENV", raising=False)
    assert environment.place() == tmp_path / "vbench-0.1.5"
    monkeypatch.setenv("W2SD_VBENCH_ENV", str(tmp_path / "x"))
    assert environment.place() == tmp_path / "x"


def interpreter_of(path: Path, version: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho {version}\n")
    path.chmod(0o755)
    return path


def test_the_search_for_an_interpreter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "bin" / "python3.10"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\nexit 127\n")  # a shim whose version is not there
    broken.chmod(0o755)
    good = interpreter_of(tmp_path / "pyenv" / "versions" / "3.10.4" / "bin" / "python", "3.10")
    monkeypatch.setenv("PATH", f"{broken.parent}:/bin:/usr/bin")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.delenv("W2SD_VBENCH_PYTHON", raising=False)
    monkeypatch.setattr(interpreter.sys, "executable", str(interpreter_of(tmp_path / "p", "3.13")))
    assert interpreter.find() == good
    monkeypatch.setenv("W2SD_VBENCH_PYTHON", str(tmp_path / "p"))
    with pytest.raises(InputError, match=r"is Python 3\.13; VBench needs Python 3\.10 or"):
        interpreter.find()
    monkeypatch.setenv("W2SD_VBENCH_PYTHON", str(tmp_path / "none"))
    with pytest.raises(InputError, match="is no Python with venv and ensurepip"):
        interpreter.find()
    monkeypatch.delenv("W2SD_VBENCH_PYTHON")
    monkeypatch.setattr(interpreter, "_version", lambda python: "")
    with pytest.raises(InputError, match="which was not found; install it, or uv, or name it"):
        interpreter.find()


def test_a_nightly_run_without_it_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def end() -> type[BaseException]:
        with pytest.raises((pytest.skip.Exception, pytest.fail.Exception)) as found:
            official.opened(tmp_path)
        return found.type

    monkeypatch.delenv("W2SD_NIGHTLY_VBENCH", raising=False)
    assert end() is pytest.skip.Exception
    monkeypatch.setenv("W2SD_NIGHTLY_VBENCH", "1")
    assert end() is pytest.fail.Exception
