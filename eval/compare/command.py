"""What ``w2sd-video compare`` does, once its arguments are read."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from w2sd_video.render.errors import InputError
from w2sd_video.render.files.atomic import write_whole

from .comparison import Comparison, gather
from .exports import as_json, clips_csv, results_csv
from .report import page
from .tables import terminal


@dataclass(frozen=True)
class Request:
    """What was asked for.

    Attributes:
        labels: ``DIR=NAME`` each.
        against: the label of the reference; the first column by default.
        output: folder of the files; ``compare`` in the first folder by default.
        clips: how many pairs the report shows.
        baseline: the folder whose foremost column is the reference, where no label says it.
    """

    folders: Sequence[Path]
    labels: Sequence[str] = field(default_factory=list)
    against: str | None = None
    output: Path | None = None
    clips: int = 24
    as_json: bool = False
    baseline: Path | None = None


def compare(request: Request) -> Path:
    """Compare folders, write all files, print the tables or JSON; returns the report's path.

    Raises:
        InputError: see ``gather``; or if a label is none, or the output can't be written to.
    """
    folders = _distinct(request.folders)
    names = _names(request.labels, folders)
    comparison = gather(folders, names, request.against, request.baseline)
    report = write(comparison, request.output or folders[0] / "compare", request.clips)
    if request.as_json:
        print(_text(comparison))
        return report
    # A table in a file or a pipe is not to lose digits to some terminal's width.
    width = None if sys.stdout.isatty() else 200
    console = Console(highlight=False, soft_wrap=True, width=width)
    for part in terminal(comparison):
        console.print(part)
    console.print(f"\n{report}", markup=False)
    return report


def write(comparison: Comparison, folder: Path, clips: int) -> Path:
    """Write tables and report into a folder, made if need be; returns the report's path."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"can't be written to: {error.strerror}", str(folder)) from None
    texts = {  # all of them first, so that what stands there is of one comparison
        "comparison.json": _text(comparison) + "\n",
        "comparison.csv": results_csv(comparison),
        "clips.csv": clips_csv(comparison),
        "report.html": page(comparison, clips),
    }
    for name, text in texts.items():
        write_whole(folder / name, text)
    return folder / "report.html"


def _text(comparison: Comparison) -> str:
    return json.dumps(as_json(comparison), indent=1, ensure_ascii=False, allow_nan=False)


def _distinct(folders: Sequence[Path]) -> list[Path]:
    seen: dict[Path, Path] = {}
    for folder in folders:
        if folder.resolve() in seen:
            raise InputError("is given twice", str(folder))
        seen[folder.resolve()] = folder
    return list(seen.values())


def _names(labels: Sequence[str], folders: Sequence[Path]) -> dict[Path, str]:
    """``DIR=NAME`` for folders that are compared."""
    found: dict[Path, str] = {}
    for label in labels:
        folder, _, name = label.rpartition("=")
        if not folder or not name.strip():
            raise InputError(f"must be DIR=NAME, got '{label}'", key="--label")
        path = next((f for f in folders if f.resolve() == Path(folder).resolve()), None)
        if path is None:
            given = ", ".join(map(str, folders))
            raise InputError(f"'{folder}' is not among the folders: {given}", key="--label")
        if path in found:
            raise InputError(f"'{folder}' has a name already: {found[path]}", key="--label")
        found[path] = " ".join(name.split())
    return found
