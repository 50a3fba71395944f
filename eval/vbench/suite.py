"""Prompt suites: the official one, as the isolated environment has it, as rows to render.

The prompts are read from VBench itself and are not part of this package.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from w2sd_video.eval.vbench import environment
from w2sd_video.eval.vbench.dimensions import (
    DEFAULT,
    DIMENSIONS,
    FLICKERING,
    PAPER,
    SAMPLES,
    Dimension,
    chosen,
)

from w2sd_video.render.errors import InputError, did_you_mean
from w2sd_video.render.settings.config import MAX_SEEDS, SEED_LIMIT, parse_seeds
from w2sd_video.render.settings.layers import Layer

OFFICIAL, SAMPLED = "vbench", "w2sd-200"
SAMPLED_PROMPTS = 200
SAMPLE_SEED = 200
WHERE = "--suite"


@dataclass(frozen=True)
class Entry:
    """An official prompt, and the dimensions that it is for."""

    prompt: str
    dimensions: tuple[str, ...]


@dataclass(frozen=True)
class Suite:
    """What is to be rendered.

    Attributes:
        name: "vbench" or "w2sd-200".
        dimensions: whose prompts; for the sampled one the paper's.
    """

    name: str
    dimensions: tuple[Dimension, ...]

    @classmethod
    def read(cls, text: str) -> Suite:
        """``vbench``, ``vbench:color,scene``, ``vbench:all`` or ``w2sd-200``.

        Raises:
            InputError: if it is none of these.
        """
        name, colon, listed = text.partition(":")
        if name not in (OFFICIAL, SAMPLED):
            near = did_you_mean(name, (OFFICIAL, SAMPLED))
            raise InputError(f"unknown suite '{name}'{near} ({OFFICIAL}, {SAMPLED})", WHERE)
        if colon and name == SAMPLED:
            raise InputError(f"{SAMPLED} is for all of the paper's dimensions at once", WHERE)
        names: Sequence[str] = PAPER if name == SAMPLED else DEFAULT
        if colon:
            names = [part.strip() for part in listed.split(",")]
        return cls(name, tuple(chosen(names, WHERE)))

    def __str__(self) -> str:
        return f"{self.name}:{','.join(d.name for d in self.dimensions)}"


def entries(folder: Path | None = None) -> list[Entry]:
    """The official prompts in their order; one that is listed twice has all its dimensions.

    Raises:
        InputError: if VBench is not set up, or its list is not what it was.
    """
    file = environment.full_info(folder or environment.place())
    found: dict[str, list[str]] = {}
    try:
        for entry in json.loads(file.read_text("utf-8")):
            found.setdefault(entry["prompt_en"], []).extend(entry["dimension"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"can't be read as VBench's prompts: {error}", str(file)) from None
    return [Entry(prompt, tuple(names)) for prompt, names in found.items()]


def rows(
    suite: Suite, samples: str | None = None, seed: str | None = None, folder: Path | None = None
) -> list[Layer]:
    """One row a clip, named as VBench wants: ``PROMPT-0``, ``PROMPT-1``, …

    Args:
        samples: clips of each prompt, as the command line has it; five times as many for
            temporal_flickering, of which the official filter keeps the still ones. Officially 5,
            and 1 for ``w2sd-200``.
        seed: of the first clip of each prompt, or a list of as many as there are clips.
        folder: VBench's environment.

    Raises:
        InputError: if VBench is not set up, or samples or seeds are none.
    """
    wanted = {dimension.name for dimension in suite.dimensions}
    listed = [entry for entry in entries(folder) if wanted & {*entry.dimensions}]
    if suite.name == SAMPLED:
        taken = sorted((e.prompt for e in listed), key=_lot)[:SAMPLED_PROMPTS]
        listed = [entry for entry in listed if entry.prompt in taken]
    count = _samples(samples, 1 if suite.name == SAMPLED else SAMPLES)
    found = []
    for stem, entry in zip(stems(e.prompt for e in listed), listed, strict=True):
        still = suite.name == OFFICIAL and {FLICKERING} == wanted & {*entry.dimensions}
        times = DIMENSIONS[FLICKERING].samples // SAMPLES if still else 1
        for i, number in enumerate(_seeds(seed, count * times)):
            row = {"prompt": entry.prompt, "name": f"{stem}-{i}", "seed": number}
            found.append(Layer({**row, "samples": 1}, f"{WHERE} {suite.name}"))
    return found


def stems(prompts: Iterable[str]) -> list[str]:
    """Prompts as file names.

    Two that differ in nothing but case can't lie side by side on every file system: the later one
    ends in ``.2``. It is scored by its prompt all the same.
    """
    used: dict[str, int] = {}
    found = []
    for prompt in prompts:
        number = used[prompt.lower()] = used.get(prompt.lower(), 0) + 1
        found.append(prompt if number == 1 else f"{prompt}.{number}")
    return found


def _lot(prompt: str) -> str:
    """By which prompts are drawn: the same on every machine and in every version of Python."""
    return hashlib.sha256(f"{SAMPLE_SEED} {prompt}".encode()).hexdigest()


def _samples(text: str | None, official: int) -> int:
    if text is None:
        return official
    if not (text.isdecimal() and 1 <= len(text) <= 6 and 1 <= int(text) <= MAX_SEEDS):
        raise InputError(f"must be a number from 1 to {MAX_SEEDS}, got '{text}'", "--samples")
    return int(text)


def _seeds(text: str | None, count: int) -> list[int]:
    try:
        listed = parse_seeds(text or "0")
    except ValueError as error:
        raise InputError(str(error), "--seed") from None
    if len(listed) == 1:
        listed = [listed[0] + i for i in range(count)]
    if len(listed) < count:
        raise InputError(f"lists {len(listed)} seeds for {count} clips of a prompt", "--seed")
    if listed[-1] >= SEED_LIMIT:
        raise InputError("seeds must be below 2**63", "--seed")
    return listed[:count]
