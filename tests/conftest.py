"""What all tests share."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from w2sd_video import cli
from w2sd_video.shapes import FOLDERS

pytest.register_assert_rewrite("tests.browser", "tests.cli.bad", "tests.pages")


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """What runs remember is not the user's, and not another test's."""
    monkeypatch.setenv("W2SD_CACHE", str(tmp_path_factory.mktemp("cache")))


# Until the embedded models are trained, what needs them can't run.
needs_weights = pytest.mark.skipif(
    not FOLDERS["video"].exists(), reason="the weights are in training"
)

LIST = "a red circle moving left\n"


@dataclass
class Outcome:
    code: int
    out: str
    err: str


Call = Callable[..., Outcome]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory with one good list in it."""
    monkeypatch.chdir(tmp_path)
    Path("ok.txt").write_text(LIST)
    return tmp_path


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a command in this process."""

    def run(*argv: str) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["w2sd-video", *argv])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        captured = capsys.readouterr()
        return Outcome(int(stop.value.code or 0), captured.out, captured.err)

    return run
