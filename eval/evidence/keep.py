"""Files of a result: ``NAME.json``, ``NAME.png`` and ``NAME.md``, or the repository's page, and
the clips that some are reckoned from."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from w2sd_video.render.errors import InputError
from w2sd_video.render.files.atomic import write_whole

from . import EVIDENCES, RECORD, section
from .result import Result, read

if TYPE_CHECKING:
    from .embedded.record import Record

ROOT = Path(__file__).parents[2]  # of a checkout


def write(result: Result, folder: Path, plot: bool = True) -> Path:
    """The JSON, its plot and its section; the plot's path, or the section's without one."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write_json(result, folder)
        page = folder / f"{result.name}.md"
        page.write_text(section.section(result), encoding="utf-8")
    except OSError as error:
        raise InputError(f"can't be written: {error.strerror}", str(folder)) from None
    return _plot(result, folder) if plot else page


def write_docs(result: Result, docs: Path | None = None) -> Path:
    """The JSON and its plot in docs/evidence/, its section in docs/evidence.md: that page."""
    docs = docs or ROOT / "docs"
    page = docs / "evidence.md"
    if not page.exists():
        raise InputError("--keep writes docs/evidence.md of a checkout, and there is none here")
    folder = docs / "evidence"
    folder.mkdir(exist_ok=True)
    _write_json(result, folder)
    _plot(result, folder)
    page.write_text(paged(page.read_text(encoding="utf-8"), folder), encoding="utf-8")
    return page


def paged(page: str, folder: Path) -> str:
    """The page, its summary and all its sections, in order, made anew from the folder's JSON."""
    results = [load(folder, name) for name in EVIDENCES if (folder / f"{name}.json").exists()]
    page = section.between(page, "summary", section.summary(results))
    for result in results:
        page = section.at_end(page, result.name, section.section(result, folder.name))
    return page


def load(folder: Path, name: str) -> Result:
    """A result that was written before.

    Raises:
        InputError: if there is none, or it can't be read.
    """
    file = folder / f"{name}.json"
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError("is not there; run it without --redraw first", str(file)) from None
    except (OSError, ValueError) as error:
        raise InputError(f"can't be read: {error}", str(file)) from None
    return read(value, file)


def clips(name: str) -> Record:
    """What the result in docs/evidence/ was reckoned from.

    Raises:
        InputError: if there is none, or it can't be read.
    """
    from .embedded import record

    return record.read(ROOT / "docs" / "evidence" / f"{name}{RECORD}")


def _write_json(result: Result, folder: Path) -> None:
    """Behind the clips, so that there is no result without its own."""
    if result.clips:
        from .embedded import record

        file, wanted = folder / f"{result.name}{RECORD}", replace(result.clips, made=result.made)
        if not file.exists() or record.read(file) != wanted:
            write_whole(file, record.content(wanted))
    text = json.dumps(result.json_value(), ensure_ascii=False, separators=(",", ":"))
    write_whole(folder / f"{result.name}.json", text + "\n")


def _plot(result: Result, folder: Path) -> Path:
    from .plots import draw

    file = folder / f"{result.name}.png"
    draw(result).savefig(file, metadata={"Software": None})
    return file
