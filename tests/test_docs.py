"""What README and docs print is run as printed."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import needs_weights

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# Run elsewhere: by CI itself, or for hours.
ELSEWHERE = (
    "make ",
    "w2sd-video shapes train",
    "w2sd-video shapes export",
    "w2sd-video shapes restore",
    "w2sd-video vbench",
    "w2sd-video eval",
    "w2sd-video compare renders/drawbench",  # tests/eval/images/test_page.py
    "render --suite",
    "python -m benchmarks --keep",
)


def blocks(language: str) -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        for text in re.findall(rf"```{language}\n(.*?)```", page.read_text(), re.S):
            found.append((page.name, text))
    return found


def targets() -> list[str]:
    """What pages tell to make."""
    printed = "\n".join(text for _, text in blocks("sh")) + "".join(p.read_text() for p in PAGES)
    return sorted({*re.findall(r"(?:^|`)make ([a-z-]+)(?=`|  +#|$)", printed, re.M)})


@pytest.mark.parametrize("name", targets())
def test_what_is_made_is_in_the_makefile_once(name: str) -> None:
    done = subprocess.run(["make", "-n", name], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Nothing to be done" not in done.stdout


def commands(page: str) -> list[str]:
    """A page's commands in order, without what runs elsewhere."""
    lines = [line for name, text in blocks("sh") if name == page for line in text.splitlines()]
    plain = [line.split("  #")[0].strip() for line in lines]
    return [line for line in plain if line and not line.startswith(ELSEWHERE)]


@needs_weights
def test_python_runs_as_printed(tmp_path: Path) -> None:
    for page in PAGES:
        code = "\n".join(text for name, text in blocks("python") if name == page.name)
        if code:
            subprocess.run([sys.executable, "-c", code], check=True, timeout=300, cwd=tmp_path)


@needs_weights
@pytest.mark.parametrize("page", [page.name for page in PAGES if commands(page.name)])
def test_commands_run_as_printed(page: str, tmp_path: Path) -> None:
    """One after another in one folder, as a reader would run them."""
    (tmp_path / "prompts.txt").write_text("a red circle moving left on a white background\n")
    # Installed commands, and this checkout's tests as a package.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}
    environment["RAY_AUTH_MODE"] = "disabled"  # else Ray leaves a token in the home folder
    for command in commands(page):
        words = shlex.split(command)
        if words[0] == "python":
            words[0] = sys.executable
        done = subprocess.run(
            words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"
        assert done.stdout or done.stderr, command


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_anchor_is_a_heading() -> None:
    for page in PAGES:
        for target, anchor in re.findall(r"\]\(([^)#]*)#([^)]+)\)", page.read_text()):
            if not target.startswith("http"):
                there = (page.parent / target).resolve() if target else page
                assert anchor in anchors(there), f"{page.name}: {target}#{anchor}"


def test_every_link_leads_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page.name}: {target}"
