"""VBench is in its own environment and nowhere else."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from w2sd_video.eval.vbench import process

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # which pytest brings

ROOT = Path(__file__).parents[3]


def imported(file: Path) -> Iterator[str]:
    """Every module that a file imports by its whole name."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and "import" in ast.unparse(node.func):
            yield from (n.value for n in ast.walk(node) if isinstance(n, ast.Constant))


def test_only_the_runner_imports_it_and_nothing_imports_the_runner() -> None:
    files = [f for part in ("w2sd_video", "eval", "pipelines") for f in (ROOT / part).rglob("*.py")]
    found = {file: {*map(str, imported(file))} for file in files}
    official = {f for f, names in found.items() if any(re.match(r"vbench\b", n) for n in names)}
    assert official == {process.RUNNER.resolve()}
    assert not [f for f, names in found.items() if any("vbench.runner" in n for n in names)]


def test_the_package_does_not_depend_on_it() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    needed = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    assert [name for name in needed if name.startswith("diffusers")]
    assert not [name for name in needed if re.match(r"vbench\b", name)]
