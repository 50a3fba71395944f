"""A clip's settings as dotted keys, so that they can be laid side by side."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from w2sd_video.render.jobs.identity import OUTSIDE_IDENTITY

VARIES = "varies by prompt"


def flat(config: dict[str, Any]) -> dict[str, Any]:
    """Settings by dotted key; what settles no clip or was left to its default is left out.

    Of a plain clip there is no key that begins with ``reflection``.
    """
    found: dict[str, Any] = {}
    _flatten(config, "", found)
    return found


def _flatten(value: Any, key: str, found: dict[str, Any]) -> None:
    if key in OUTSIDE_IDENTITY or value is None:
        return
    if isinstance(value, dict):
        for name, inner in value.items():
            _flatten(inner, f"{key}.{name}" if key else name, found)
    else:
        found[key] = value


def of_reflection(key: str) -> bool:
    return key.startswith("reflection.")


def plain_part(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings without reflection: those of the plain clip from the same noise."""
    return {key: value for key, value in settings.items() if not of_reflection(key)}


def differing(a: dict[str, Any], b: dict[str, Any]) -> list[str]:
    """Keys whose values differ, in the order of ``a``, then of ``b``."""
    return [key for key in dict.fromkeys([*a, *b]) if a.get(key) != b.get(key)]


def shared(many: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """What settings have in common; a key that differs among them has ``VARIES``."""
    several = list(many)
    first = several[0]
    keys = dict.fromkeys(key for settings in several for key in settings)
    return {
        key: first[key]
        if key in first and all(s.get(key) == first[key] for s in several)
        else VARIES
        for key in keys
    }


def spelled(value: Any) -> str:
    """One spelling for equal values, to group by."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def told(value: Any) -> str:
    """A value for people."""
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else spelled(value)
