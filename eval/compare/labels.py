"""Names of columns, from what differs between them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..settings import VARIES, differing, of_reflection, plain_part, told
from .columns import Column

NEAR = 0.05  # so far apart, relatively, numbers of evaluations count as equal
NEAR_GUIDANCE = 0.1  # likewise guidance scales

# What a side changes, and where a plain clip has the same.
_SIDE = {
    "guidance_scale": "guidance_scale",
    "negative_prompt": "negative_prompt",
    "controlnet_scale": "controlnet_conditioning_scale",
    "ip_adapter_scale": "model.ip_adapter.scale",
}
_WORDS = {
    "num_inference_steps": "{} steps",
    "guidance_scale": "guidance {}",
    "num_frames": "{} frames",
    "fps": "{} fps",
    "model.id": "model {}",
    "model.denoiser.id": "denoiser {}",
    "scheduler.name": "{}",
    "reflection.gap": "gap {}",
    "reflection.strong.guidance_scale": "strong guidance {}",
    "reflection.weak.guidance_scale": "weak guidance {}",
    "reflection.strong.denoiser.id": "strong {}",
    "reflection.weak.denoiser.id": "weak {}",
}


def labelled(columns: Sequence[Column], given: Mapping[Path, str]) -> list[Column]:
    """Columns with a label each, no two alike.

    Args:
        given: a name for all columns of a folder.
    """
    reflected = [column for column in columns if column.reflected]
    strong = _strong(columns)
    labels = [
        _reflected(column, reflected, strong)
        if column.reflected
        else _plain(column, reflected, strong)
        for column in columns
    ]
    named = Counter(folder for column in columns for folder in column.folders)
    for i, column in enumerate(columns):
        if folder := next((folder for folder in column.folders if folder in given), None):
            name = given[folder]
            labels[i] = name if named[folder] == 1 else f"{name}: {labels[i]}"
    labels = _distinct(labels, columns)
    return [replace(c, label=label) for c, label in zip(columns, labels, strict=True)]


def _strong(columns: Sequence[Column]) -> dict[str, Any]:
    """The settings that others are named by: those that are reflected, without reflection."""
    reflected = [plain_part(c.settings) for c in columns if c.reflected]
    plain = [c.settings for c in columns if not c.reflected]
    for settings in reflected:
        if settings in plain:
            return settings
    return [*plain, *reflected][0]


def _plain(column: Column, reflected: Sequence[Column], strong: dict[str, Any]) -> str:
    keys = differing(strong, column.settings)
    if not keys:
        return "strong"
    if any(is_weak(column.settings, other.settings) for other in reflected):
        return "weak"
    words = _words(keys, column.settings)
    if keys == ["num_inference_steps"] and any(as_costly(column, r) for r in reflected):
        return f"strong, equal evaluations ({words[0]})"
    if keys == ["guidance_scale"] and any(as_guided(column, r) for r in reflected):
        return f"strong, matched guidance ({told(column.settings['guidance_scale'])})"
    return ", ".join(["strong", *words])


def is_weak(settings: dict[str, Any], reflection: dict[str, Any]) -> bool:
    """Whether plain clips are what a reflection's weak side would make alone."""
    expected = plain_part(reflection)
    prefix, changed = "reflection.weak.", False
    by_model = False
    for key, value in reflection.items():
        if not key.startswith(prefix):
            continue
        changed = True
        name = key.removeprefix(prefix)
        if name.startswith("denoiser."):
            by_model |= name == "denoiser.id" and settings.get("model.id") == value
            expected[f"model.{name}"] = value
        elif name.startswith("adapters."):
            expected[f"model.{name}.scale"] = value
        elif name in _SIDE:
            expected[_SIDE[name]] = value
        else:
            return False
    keys = differing(expected, settings)
    if by_model:  # the weak model as the pipeline's own
        keys = [key for key in keys if not key.startswith("model.")]
    return changed and not keys


def as_costly(column: Column, other: Column) -> bool:
    """Whether two columns take as many evaluations a clip."""
    return abs(column.evaluations - other.evaluations) <= NEAR * other.evaluations


def as_guided(column: Column, other: Column) -> bool:
    """Whether a column's guidance is the effective guidance that the other's runs have logged."""
    return abs(column.guidance - other.guidance) <= NEAR_GUIDANCE * other.guidance


def _reflected(column: Column, reflected: Sequence[Column], strong: dict[str, Any]) -> str:
    settings = column.settings
    mode = settings.get("reflection.mode", "exact")
    first = "extrapolate" if mode == "extrapolate" else f"reflected {mode}"
    if mode == VARIES:
        first = "reflected"
    keys = dict.fromkeys(differing(strong, plain_part(settings)))
    for other in reflected:
        keys |= dict.fromkeys(k for k in differing(settings, other.settings) if of_reflection(k))
    if settings.get("reflection.gap", 1.0) != 1.0:
        keys["reflection.gap"] = None
    keys.pop("reflection.mode", None)
    return ", ".join([first, *_words(keys, settings)])


def _short(value: str) -> str:
    """A commit by its first digits."""
    return re.sub(r"\b([0-9a-f]{7})[0-9a-f]{33}\b", r"\1", value)


def _words(keys: Sequence[str] | dict[str, None], settings: dict[str, Any]) -> list[str]:
    """What is said of settings: at most three of them."""
    words = []
    for key in keys:
        value = settings.get(key)
        if key == "reflection.steps":
            share = f"{value:.0%}".replace("%", " %") if isinstance(value, float) else told(value)
            words.append(f"{share} of steps" if isinstance(value, float) else f"{share} steps")
        elif value is None:
            words.append(f"no {key.split('.')[-1].replace('_', ' ')}")
        elif value == VARIES or key not in _WORDS:
            words.append(f"{key.removeprefix('reflection.')} {_short(told(value))}")
        else:
            words.append(_WORDS[key].format(told(value)))
    return [*words[:3], "…"] if len(words) > 3 else words


def _distinct(labels: list[str], columns: Sequence[Column]) -> list[str]:
    """Where labels are equal, add the folder, and a number where that is equal too."""
    for name in (lambda c: c.folders[0].resolve().name, lambda c: str(c.folders[0])):
        uses = Counter(labels)
        labels = [
            f"{label} [{name(column)}]" if uses[label] > 1 else label
            for label, column in zip(labels, columns, strict=True)
        ]
    uses = Counter(labels)
    seen: Counter[str] = Counter()
    found = []
    for label in labels:
        seen[label] += 1
        found.append(f"{label} ({seen[label]})" if uses[label] > 1 else label)
    return found
