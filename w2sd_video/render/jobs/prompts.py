"""Prompt lists: .txt, .csv, .jsonl, .yaml or standard input, read into one layer a row.

Apart from .txt, a row may override any configuration key, nested or dotted
(``reflection.gap``). An empty CSV cell is a key not given.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from w2sd_video.render.errors import InputError
from w2sd_video.render.settings.layers import (
    KeyPath,
    Layer,
    decode,
    nested,
    read_text,
    read_yaml,
    scalar,
)


def read_prompts(source: str) -> list[Layer]:
    """Read a prompt list.

    Args:
        source: a path, or ``-`` for standard input, which is taken as JSONL if it begins
            with ``{`` and as plain text otherwise.

    Returns:
        one layer a row, in order; each names its file and line.

    Raises:
        InputError: if the list is missing, empty, broken or of an unknown type.
    """
    if source == "-":
        text, file = decode(sys.stdin.buffer.read(), "<stdin>"), "<stdin>"
        reader = _jsonl if text.lstrip().startswith("{") else _txt
    else:
        suffix = Path(source).suffix.lower()
        if suffix not in READERS and Path(source).exists():
            raise InputError("unknown type of list; use .txt, .csv, .jsonl or .yaml", source)
        text, file = read_text(Path(source), source, "prompt list"), source
        if suffix not in READERS:
            raise InputError("prompt list not found", source)
        reader = READERS[suffix]
    rows = list(reader(text, file))
    if not rows:
        raise InputError("has no prompts", file)
    folder = Path() if source == "-" else Path(source).parent
    return [replace(row, folder=folder) for row in rows]


def _row(settings: dict[str, Any], file: str, line: int) -> Layer:
    return Layer(nested(settings, file, line), file, {(): line})


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Numbered lines with something on them."""
    for number, line in enumerate(text.split("\n"), 1):
        if line := line.strip():
            yield number, line


def _txt(text: str, file: str) -> Iterator[Layer]:
    """One prompt a line, or one class; blank lines and lines that begin with # are skipped."""
    for number, line in _lines(text):
        if not line.startswith("#"):
            yield _row({"prompt": line}, file, number)


def _csv(text: str, file: str) -> Iterator[Layer]:
    """A header with a column ``prompt`` or ``class_labels``; the other columns are keys."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, skipinitialspace=True)
    header: list[str] | None = None
    end = 0
    try:
        for cells in reader:
            line, end = end + 1, reader.line_num
            if not any(cell.strip() for cell in cells):
                continue
            if header is None:
                header = [cell.strip() for cell in cells]
                _check_header(header, file, line)
                continue
            if len(cells) > len(header):
                raise InputError(
                    f"{len(cells)} cells, but the header names {len(header)}", file, line
                )
            given = {k: c.strip() for k, c in zip(header, cells, strict=False) if c.strip()}
            yield _row({k: scalar(c, k, file, line) for k, c in given.items()}, file, line)
    except csv.Error as error:
        raise InputError(f"broken CSV: {error}", file, end + 1) from None


def _check_header(header: list[str], file: str, line: int) -> None:
    if not {"prompt", "class_labels"} & set(header):
        raise InputError("the header has no 'prompt' column", file, line)
    for i, key in enumerate(header):
        if not key:
            raise InputError(f"column {i + 1} has no name", file, line)
        if key in header[:i]:
            raise InputError("given twice", file, line, key)


def _jsonl(text: str, file: str) -> Iterator[Layer]:
    """One JSON object a line."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        for key in {k for k, _ in pairs if [p[0] for p in pairs].count(k) > 1}:
            raise ValueError(f"the key '{key}' is given twice")
        return dict(pairs)

    for number, line in _lines(text):
        try:
            value = json.loads(line, object_pairs_hook=once)
        except json.JSONDecodeError as error:
            message = f"broken JSON: {error.msg} at column {error.colno}"
            raise InputError(message, file, number) from None
        except (ValueError, RecursionError) as error:
            raise InputError(f"broken JSON: {error}", file, number) from None
        if not isinstance(value, dict):
            raise InputError('must be a JSON object such as {"prompt": "..."}', file, number)
        yield _row(value, file, number)


def _yaml(text: str, file: str) -> Iterator[Layer]:
    """A list of prompts, each a string or a mapping of keys."""
    data, lines = read_yaml(text, file)
    if data is None:
        return
    if not isinstance(data, list):
        raise InputError("must be a list of prompts", file)
    of_row: dict[str, dict[KeyPath, int]] = {}
    for path, line in lines.items():
        if path:
            of_row.setdefault(path[0], {})[path[1:]] = line
    for i, item in enumerate(data):
        inside = of_row[str(i)]
        line = inside[()]
        if isinstance(item, str):
            item = {"prompt": item}
        elif not isinstance(item, dict):
            message = f"must be a prompt or a mapping of keys, got {item!r}"
            raise InputError(message, file, line)
        yield Layer(nested(item, file, line), file, inside)


READERS = {".txt": _txt, ".csv": _csv, ".jsonl": _jsonl, ".yaml": _yaml, ".yml": _yaml}
