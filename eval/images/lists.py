"""Published prompt lists of images, by their own files, as rows to render.

None is part of this package. What a file says beside prompts (DrawBench's categories, GenEval's
objects) is for those who score by it, and no setting of an image: it is left out.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from w2sd_video.render.errors import InputError
from w2sd_video.render.settings.layers import Layer, read_text

WHERE = "--suite"
# By name of a list what its files call a prompt.
LISTS: dict[str, tuple[str, ...]] = {
    "drawbench": ("prompts", "prompt"),
    "pick-a-pic": ("prompt", "caption"),
    "geneval": ("prompt",),
}


@dataclass(frozen=True)
class PromptList:
    """A list, and the file that has it."""

    name: str
    file: str

    @classmethod
    def read(cls, text: str) -> PromptList:
        """``drawbench:FILE``, ``pick-a-pic:FILE`` or ``geneval:FILE``.

        Raises:
            InputError: if it names no file.
        """
        name, _, file = text.partition(":")
        if not file:
            raise InputError(f"'{name}' is read from a file: {name}:FILE", WHERE)
        return cls(name, file)

    def __str__(self) -> str:
        return f"{self.name}:{self.file}"

    def rows(self) -> list[Layer]:
        """A row for every prompt, in order.

        Raises:
            InputError: if the file is missing, broken, or has something else in it.
        """
        suffix = Path(self.file).suffix.lower()
        if suffix not in (".csv", ".json", ".jsonl"):
            raise InputError(
                "must be a .csv, .json or .jsonl file, and columns have commas between them",
                self.file,
                key=WHERE,
            )
        text = read_text(Path(self.file), self.file, "prompt list")
        records = _csv(text, self.file) if suffix == ".csv" else _json(text, self.file)
        keys = LISTS[self.name]
        found = []
        for line, record in records:
            named = {str(key).strip().lower(): value for key, value in record.items()}
            key = next((key for key in keys if key in named), None)
            if key is None:
                wanted = " or ".join(f"'{key}'" for key in keys)
                there = ", ".join(f"'{key}'" for key in named) or "nothing"
                advice = "; columns must have commas between them" if _tabs(named) else ""
                raise InputError(f"has no {wanted}, but {there}{advice}", self.file, line)
            prompt = "" if named[key] is None else named[key]
            if not isinstance(prompt, str):
                raise InputError(f"the prompt must be text, got {prompt!r}", self.file, line)
            if not prompt.strip():
                raise InputError("the prompt is empty", self.file, line)
            found.append(Layer({"prompt": prompt.strip()}, self.file, {(): line}))
        if not found:
            raise InputError("has no prompts", self.file)
        return found


def _tabs(named: Iterable[str]) -> bool:
    """Whether names of columns have what looks like another separator than a comma in them."""
    return any(separator in key for key in named for separator in "\t;")


def _csv(text: str, file: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Rows by their header's names; a cell may have lines of its own."""
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    end = 1  # of the header
    try:
        for record in reader:
            line, end = end + 1, reader.line_num
            yield line, {key: value for key, value in record.items() if key is not None}
    except csv.Error as error:
        raise InputError(f"broken CSV: {error}", file, end + 1) from None


def _json(text: str, file: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """One object a line, or a list of them."""
    if text.lstrip().startswith("["):
        listed = _decoded(text, file, None)
        items = [(1, item) for item in listed]
    else:
        lines = enumerate(text.split("\n"), 1)
        items = [(i, _decoded(line, file, i)) for i, line in lines if line.strip()]
    for number, item in items:
        if isinstance(item, str):
            item = {"prompt": item}
        if not isinstance(item, dict):
            raise InputError('must be objects such as {"prompt": "..."}', file, number)
        yield number, item


def _decoded(text: str, file: str, line: int | None) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"broken JSON: {error}; there must be one object a line, or a list: [...]", file, line
        ) from None
