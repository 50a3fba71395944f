"""What commands print, and what they do not import."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from w2sd_video import configs

from ..conftest import Call


def test_standard_input(here: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    for text, prompts in {
        "# list\none\ntwo\n": ["one", "two"],
        '\n{"prompt": "three", "seed": 5}\n': ["three"],
    }.items():
        stdin = io.TextIOWrapper(io.BytesIO(text.encode()))
        monkeypatch.setattr(sys, "stdin", stdin)
        outcome = call("render", "-", "--dry-run", "--json")
        jobs = [json.loads(line) for line in outcome.out.splitlines()][:-1]
        assert [job["prompt"] for job in jobs] == prompts


def test_dry_run_tells_the_cost_and_writes_nothing(here: Path, call: Call) -> None:
    settings = "--set num_inference_steps=10 --set guidance_scale=2 --set reflection.steps=5"
    arguments = ["ok.txt", "--baseline", "--samples", "3", *settings.split(), "--dry-run"]
    outcome = call("render", *arguments)
    assert outcome.code == 0
    # 5 reflected steps of 3 x 2 and 5 plain ones of 2, against 10 plain ones; three times
    assert "6 clips, 180 evaluations; no clip is kept" in outcome.out
    *_, memory, fits = outcome.out.splitlines()
    assert memory.endswith("of memory a worker")
    assert fits.startswith("plan: all weights on the device, ")
    assert [p.name for p in here.iterdir()] == ["ok.txt"]


def test_choices_and_sweeps_are_planned(here: Path, call: Call) -> None:
    Path("l.txt").write_text("a {red|blue} ring\n")
    outcome = call("render", "l.txt", "--sweep", "reflection.gap=0.5,1", "--dry-run", "--json")
    jobs = [json.loads(line) for line in outcome.out.splitlines()][:-1]
    assert [job["prompt"] for job in jobs] == ["a red ring"] * 2 + ["a blue ring"] * 2


def test_configs(here: Path, call: Call) -> None:
    listed = call("configs", "ls").out.splitlines()
    assert [line.split()[0] for line in listed if line[0] != " "] == ["name", *configs.names()]
    shown = call("configs", "show", "shapes").out
    assert call("configs", "cp", "shapes", "my.yaml").code == 0
    assert Path("my.yaml").read_text() == shown
    assert call("render", "ok.txt", "-c", "my.yaml", "--dry-run").code == 0
    again = call("configs", "cp", "shapes", "my.yaml")
    assert (again.code, again.err) == (2, "error: my.yaml: is there already\n")
    assert call("configs", "show", "shape").err == (
        "error: unknown preset 'shape', did you mean 'shapes'?\n"
    )


def test_without_a_command(here: Path, call: Call) -> None:
    assert "Commands:" in call().out
    assert call("galery").err == "error: No such command 'galery'. Did you mean 'gallery'?\n"
    assert call("configs").err == "error: Missing command.\n"


HEAVY = {"torch", "diffusers", "transformers", "numpy", "av", "imageio"}
ASK = f"""
import sys
from w2sd_video.cli import render_main
sys.argv = ["render", *sys.argv[1:]]
try:
    render_main()
finally:
    print("heavy:", sorted({HEAVY!r} & set(sys.modules)))
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        # A model that is not here: of one that is, a dry run renders a clip to take the time.
        ["ok.txt", "--dry-run", "-c", "sdxl-guidance"],
        ["ok.txt", "--dry-run", "-c", "wan22"],
        ["ok.txt", "--set", "x=1"],
        ["no.txt"],
    ],
)
def test_answers_without_heavy_imports(here: Path, arguments: list[str]) -> None:
    asked = subprocess.run(
        [sys.executable, "-c", ASK, *arguments], capture_output=True, text=True, check=False
    )
    assert asked.stdout.splitlines()[-1] == "heavy: []", asked.stderr
