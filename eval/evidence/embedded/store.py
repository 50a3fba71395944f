"""Measured clips, a line of JSON each: an interrupted run goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from w2sd_video import core, pipelines
from w2sd_video.shapes import FOLDERS, Kind, measure, precision, score, world
from w2sd_video.shapes.world import Scene

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Pair = tuple[Scene, int]  # what is asked for, and the seed of the noise

# Of what is measured, and how clips are sampled. Raise it when either changes.
VERSION = 2


@dataclass(frozen=True)
class Row:
    """One clip.

    Attributes:
        values: by metric; None where there is nothing to measure.
        evaluations: denoiser samples that were counted while it was sampled.
        seconds: of processor time, a batch's shared out evenly.
    """

    key: str
    column: dict[str, Any]
    prompt: str
    seed: int
    values: dict[str, float | None]
    evaluations: float
    seconds: float


def key(models: str, column: DataclassInstance, pair: Pair) -> str:
    """Of all that a clip and its measurements depend on.

    Args:
        models: see ``fingerprint``.
        column: how it is sampled, all of it.
    """
    return key_told(models, asdict(column), pair[0].caption, pair[1])


def key_told(models: str, column: Mapping[str, Any], prompt: str, seed: int) -> str:
    """Likewise, of what a row tells."""
    told = json.dumps([models, column, prompt, seed], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:20]


def rows(
    models: str,
    column: DataclassInstance,
    pairs: Sequence[Pair],
    values: Iterable[Mapping[str, float]],
    evaluations: float,
    seconds: float,
) -> list[Row]:
    """Of one batch, whose evaluations and seconds are shared out evenly."""
    return [
        Row(
            key=key(models, column, (scene, seed)),
            column=asdict(column),
            prompt=scene.caption,
            seed=seed,
            values={name: round(v, 5) if math.isfinite(v) else None for name, v in own.items()},
            evaluations=evaluations / len(pairs),
            seconds=round(seconds / len(pairs), 4),
        )
        for (scene, seed), own in zip(pairs, values, strict=True)
    ]


@cache
def fingerprint(kind: Kind) -> str:
    """Of the shipped weights, strong and weak, and of the code that asks, samples and grades."""
    evidence = Path(__file__).parents[1]
    files = [
        *FOLDERS[kind].rglob("*"),
        *(file for package in (core, pipelines) for file in _modules(package)),
        *(Path(str(module.__file__)) for module in (measure, precision, score, world)),
        *(evidence / "embedded" / f"{name}.py" for name in ("ideal", "memo")),
        *(evidence / "stills" / f"{name}.py" for name in ("prompts", "sampler", "ways")),
        *(evidence / "video" / f"{name}.py" for name in ("columns", "models", "sampler")),
    ]
    digest = hashlib.sha256()
    for file in sorted(files):
        if file.is_file():
            digest.update(file.name.encode() + file.read_bytes())
    digest.update(f"version {VERSION}, bfloat16 {precision.has_bf16('cpu')}".encode())
    for library in ("torch", "diffusers", "transformers"):
        digest.update(f"{library} {version(library)}".encode())
    return digest.hexdigest()[:20]


def _modules(package: ModuleType) -> Iterable[Path]:
    return Path(str(package.__file__)).parent.rglob("*.py")


def read(folder: Path) -> dict[str, Row]:
    """All rows in a folder, by key; of two with one key the later.

    Each process writes to a file of its own.
    """
    rows = {}
    for file in sorted(folder.glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            try:
                row = Row(**json.loads(line))
            except (ValueError, TypeError):
                continue  # the end of a process that was killed
            rows[row.key] = row
    return rows


def append(file: Path, rows: Iterable[Row]) -> None:
    """Write rows behind those that are there, in one go."""
    text = "".join(json.dumps(asdict(row), ensure_ascii=False) + "\n" for row in rows)
    file.parent.mkdir(parents=True, exist_ok=True)
    torn = file.exists() and not file.read_bytes().endswith(b"\n")
    with file.open("a", encoding="utf-8") as out:
        out.write("\n" * torn + text)
