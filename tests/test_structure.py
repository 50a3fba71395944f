"""Who may import whom, and what is loaded when."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

# Each part and the parts of this package that it may import.
MAY_IMPORT = {
    "core": set(),
    "memory": {"core"},
    "shapes": {"memory", "pipelines"},
    "pipelines": {"core", "memory"},
    "configs": set(),
    "render": {"core", "memory", "pipelines", "shapes", "configs"},
    "eval": {"render", "shapes"},  # of render its readers only
    "eval.evidence": {"core", "eval", "memory", "pipelines", "render", "shapes"},
}

# The folders of the renderer, in the order in which data flow: each may import from those before.
RENDER = (
    "media",
    "settings",
    "jobs",
    "inference",
    "files",
    "engines",
    "timing",
    "record",
    "reporting",
)
# Beside them, what each of them may import and what imports none of them.
BASE = {"errors", "quiet", "versions"}


def folder(part: str) -> Path:
    spec = importlib.util.find_spec(f"w2sd_video.{part}")
    return Path(spec.origin).parent


def imported_parts(file: Path, part: str) -> Iterator[str]:
    depth = len(file.relative_to(folder(part)).parts) - 1
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == depth + 1 + len(part.split(".")):
            names = [f"w2sd_video.{node.module or node.names[0].name}"]
        else:
            continue
        for name in names:
            words = name.split(".")
            if words[0] == "w2sd_video" and words[1] != part:
                yield words[1]


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_floors(part: str) -> None:
    inner = [folder(other) for other in MAY_IMPORT if other.startswith(f"{part}.")]
    files = [f for f in folder(part).rglob("*.py") if not {*inner} & {*f.parents}]
    assert files
    for file in files:
        parts = set(imported_parts(file, part)) & set(MAY_IMPORT)
        assert parts <= MAY_IMPORT[part], f"{file.name} imports {parts - MAY_IMPORT[part]}"


def test_the_lower_floors_know_no_files_and_no_prompt_lists() -> None:
    for part in ("core", "pipelines"):
        for file in folder(part).rglob("*.py"):
            words = file.read_text()
            assert "open(" not in words, file
            assert "csv" not in words, file


def imported_from_render(file: Path) -> set[str]:
    """The folders and modules of the renderer that a file of it names, but for its own folder's."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level > 1:  # out of its folder
            names = [f"w2sd_video.render.{node.module or node.names[0].name}"]
        else:
            continue
        found |= {n.split(".")[2] for n in names if n.startswith("w2sd_video.render.")}
    return found


def test_the_renderer_flows_one_way() -> None:
    root = folder("render")
    assert {path.parent.name for path in root.glob("*/__init__.py")} == {*RENDER}
    for i, name in enumerate(RENDER):
        for file in (root / name).rglob("*.py"):
            wrong = imported_from_render(file) - {*RENDER[: i + 1]} - BASE
            assert not wrong, f"{name}/{file.name} imports {wrong}"
    for name in BASE:
        assert not imported_from_render(root / f"{name}.py"), name


def test_the_renderers_tests_lie_as_it_does() -> None:
    root = Path(__file__).parent / "render"
    assert {path.parent.name for path in root.glob("*/__init__.py")} == {*RENDER}
