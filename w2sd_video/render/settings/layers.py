"""Settings as they are written: layers of nested mappings that remember their lines.

A configuration is built from layers: a preset or file, then the command line, then the
prompt's own row. The later layer wins. When the result turns out wrong, the layer that
said so last is the one to name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from w2sd_video.render.errors import InputError
from w2sd_video.render.media.inputs import KEYS as INPUT_KEYS

KeyPath = tuple[str, ...]

# Where a plain word may stand for a mapping, and the key it then gives:
# ``model: shapes`` is ``model: {id: shapes}``.
SHORTHANDS: dict[KeyPath, str] = {
    ("model",): "id",
    ("model", "denoiser"): "id",
    ("model", "motion_adapter"): "id",
    ("model", "controlnet"): "id",
    ("scheduler",): "name",
    ("reflection", "strong", "denoiser"): "id",
    ("reflection", "weak", "denoiser"): "id",
}
DEEPEST = 100  # mappings within one another; what walks them calls itself for each
# Never read as numbers or booleans.
TEXT_KEYS = {"prompt", "class_labels", "negative_prompt", "name", *INPUT_KEYS}


@dataclass(frozen=True)
class Layer:
    """One source of settings: nested ``data``, and the line of each key where known.

    Paths of inputs in it are relative to ``folder``.
    """

    data: dict[str, Any]
    file: str
    lines: Mapping[KeyPath, int] = field(default_factory=dict)
    folder: Path = Path()

    def line(self, path: KeyPath) -> int | None:
        """The line of the key, or of the nearest mapping around it."""
        for end in range(len(path), -1, -1):
            if path[:end] in self.lines:
                return self.lines[path[:end]]
        return None

    def depth(self, path: KeyPath) -> int:
        """How many keys of the path this layer has written."""
        node: Any = self.data
        for i, key in enumerate(path):
            if not isinstance(node, dict) or key not in node:
                return i
            node = node[key]
        return len(path)

    def error(self, message: str, path: KeyPath = ()) -> InputError:
        return InputError(message, self.file, self.line(path), ".".join(path))


def guilty(layers: Sequence[Layer], path: KeyPath) -> Layer:
    """The last layer that wrote the key, or most of its path.

    What no layer mentions is missing from the lowest one.
    """
    last = max(reversed(layers), key=lambda layer: layer.depth(path))
    return last if last.depth(path) else layers[0]


def blame(layers: Sequence[Layer], message: str, path: KeyPath) -> InputError:
    """The error, placed in the layer that is guilty of it."""
    return guilty(layers, path).error(message, path)


def merge(below: dict[str, Any], above: dict[str, Any], path: KeyPath = ()) -> dict[str, Any]:
    """Lay one nested mapping over another; a shorthand replaces the whole mapping."""
    merged = dict(below)
    for key, value in above.items():
        here = (*path, str(key))
        if isinstance(value, str) and here in SHORTHANDS:
            value = {SHORTHANDS[here]: value}
        elif isinstance(value, dict):
            under = merged.get(key)
            value = merge(under if isinstance(under, dict) else {}, value, here)
        merged[key] = value
    return merged


def nested(
    flat: Mapping[str, Any], file: str, line: int | None = None, depth: int = 0
) -> dict[str, Any]:
    """Unfold dotted keys: ``{"reflection.gap": 1}`` becomes ``{"reflection": {"gap": 1}}``.

    Args:
        depth: how many mappings there are around it.
    """
    data: dict[str, Any] = {}
    for dotted, value in flat.items():
        *parents, last = str(dotted).split(".")
        inside = depth + len(parents) + 1
        if inside > DEEPEST:
            raise InputError("nested too deep", file, line)
        node = data
        for key in parents:
            node = node.setdefault(key, {})
            if not isinstance(node, dict):
                raise InputError(f"'{key}' is given as a value already", file, line, dotted)
        if isinstance(value, dict):
            value = nested(value, file, line, inside)
        if last in node:
            if not (isinstance(value, dict) and isinstance(node[last], dict)):
                raise InputError("given twice", file, line, dotted)
            value = merge(node[last], value)
        node[last] = value
    return data


def scalar(text: str, key: str, file: str, line: int | None = None) -> Any:
    """Read a value typed in a cell or on the command line as YAML would."""
    if key.rsplit(".", 1)[-1] in TEXT_KEYS:
        return text
    if re.fullmatch("[0-9]{1,19}", text):
        return int(text)  # as YAML would, at once
    try:
        return read_yaml(text, file)[0]
    except InputError as error:
        message = f"can't read the value {text!r}: {error.message}"
        raise InputError(message, file, line, key) from None


def read_text(path: Path, name: str, what: str) -> str:
    """Read a text file that a user named, or say in one line why that can't be."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{what} not found", name) from None
    except IsADirectoryError:
        raise InputError(f"is a folder, not a {what}", name) from None
    except OSError as error:
        raise InputError(f"can't be read: {error.strerror}", name) from None
    return decode(raw, name)


def decode(raw: bytes, name: str) -> str:
    """Bytes to text; UTF-8 only, with or without a byte order mark."""
    if b"\0" in raw:
        raise InputError("is binary, not text", name)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InputError("is not UTF-8", name, line) from None


INT = "tag:yaml.org,2002:int"


class _Loader(yaml.SafeLoader):
    """Whole numbers are decimal, also with leading zeros, and 1:30 is text, as in YAML 1.2."""


def _whole_number(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    text = loader.construct_scalar(node)
    return int(text, 16 if text.startswith("0x") else 10)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, known) for tag, known in resolvers if tag != INT]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    INT, re.compile(r"(?:[-+]?[0-9]+|0x[0-9a-fA-F]+)$"), [*"-+0123456789"]
)
_Loader.add_constructor(INT, _whole_number)


def read_yaml(text: str, file: str) -> tuple[Any, dict[KeyPath, int]]:
    """Parse one YAML document safely; also the line of every key (list items by index).

    Aliases are refused: a few lines of them can unfold into gigabytes.
    """
    lines: dict[KeyPath, int] = {}
    seen: set[int] = set()

    def walk(node: yaml.Node, path: KeyPath) -> None:
        line = node.start_mark.line + 1
        if id(node) in seen:
            raise InputError("YAML aliases (*name) are not supported", file, line)
        seen.add(id(node))
        lines.setdefault(path, line)
        if isinstance(node, yaml.SequenceNode):
            for i, item in enumerate(node.value):
                walk(item, (*path, str(i)))
        elif isinstance(node, yaml.MappingNode):
            written: set[str] = set()
            for key, value in node.value:
                line = key.start_mark.line + 1
                if not isinstance(key, yaml.ScalarNode):
                    raise InputError("a key must be a word", file, line)
                if key.value in written:
                    names = [part for part in (*path, key.value) if not part.isdecimal()]
                    raise InputError("given twice", file, line, ".".join(names))
                written.add(key.value)
                here = path
                for part in key.value.split("."):
                    here = (*here, part)
                    lines.setdefault(here, line)
                walk(value, here)

    try:
        node = yaml.compose(text, _Loader)
        if node is None:
            return None, lines
        walk(node, ())
        return _Loader("").construct_document(node), lines
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        raise InputError(f"broken YAML: {error.problem}", file, line) from None
    except RecursionError:
        raise InputError("broken YAML: nested too deep", file) from None
    except (yaml.YAMLError, ValueError) as error:
        raise InputError(f"broken YAML: {error}", file) from None
    except (AttributeError, LookupError):  # as PyYAML has it for !!bool x, and the like
        raise InputError("broken YAML: a tag does not fit its value", file) from None
