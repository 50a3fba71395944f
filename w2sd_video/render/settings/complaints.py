"""What is wrong with a configuration, in this program's words and with the nearest valid key."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel

from w2sd_video.render.errors import did_you_mean
from w2sd_video.render.settings.config import Config
from w2sd_video.render.settings.layers import KeyPath


def explain(error: Any) -> str:
    """One of pydantic's errors as a sentence."""
    kind, value, loc = error["type"], error["input"], error["loc"]
    if kind == "extra_forbidden":
        return f"unknown key{_nearest_key(loc)}"
    if kind == "missing":
        return "is missing"
    if kind == "literal_error":
        valid = re.findall(r"'([^']*)'", error["ctx"]["expected"])
        near = did_you_mean(str(value), valid)
        what = loc[-1] if isinstance(loc[-1], str) else "value"
        return f"unknown {what} {value!r}{near} (one of {', '.join(valid)})"
    message = str(error["msg"])
    if kind == "value_error":
        return message.removeprefix("Value error, ")
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        message = "must be a mapping of keys"
    message = message.replace("Input should be", "must be").replace("should have", "must have")
    message = message.replace("a valid ", "a ").replace("an integer", "a whole number")
    message = message.replace("a integer", "a whole number").replace("a string", "text")
    return f"{message}, got {value!r}"


def keys(section: Any = Config, path: KeyPath = ()) -> Iterator[KeyPath]:
    """The path of every key there is, outer ones first."""
    inner = []
    for name, info in section.model_fields.items():
        yield (*path, name)
        for part in _parts(info.annotation):
            if isinstance(part, type) and issubclass(part, BaseModel):
                inner.append((part, (*path, name)))
    for part, here in inner:
        yield from keys(part, here)


def _parts(annotation: Any) -> list[Any]:
    """A union's members but None; anything else by itself."""
    members = [a for a in get_args(annotation) if a is not type(None)]
    if getattr(annotation, "__origin__", None) is dict or not members:
        return [annotation]
    return members


def _nearest_key(path: KeyPath) -> str:
    """Look among the siblings first, then for a key of that name anywhere."""
    everywhere = list(keys())
    siblings = {p[-1]: ".".join(p) for p in everywhere if p[:-1] == path[:-1]}
    anywhere = {p[-1]: ".".join(p) for p in reversed(everywhere)}
    for names in (siblings, anywhere):
        if near := did_you_mean(path[-1], names):
            name = near.split("'")[1]
            return near.replace(name, names[name])
    return ""
