"""The finished clips of a folder, with what they cost and what they scored."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from w2sd_video.render.errors import InputError
from w2sd_video.render.record.folder import rows

from ..results import Score, scores_of
from ..settings import flat
from ..vbench.dimensions import FLICKERING, STATIC
from .metrics import is_metric

Key = tuple[str, int]  # prompt and seed: what pairs clips


@dataclass(frozen=True)
class Clip:
    """One finished clip, or image.

    ``scores`` and their ``sources`` are by metric. ``still`` is what VBench's filter finds, None
    where it has not looked; a clip that moves has no temporal flickering then.
    ``settings`` are dotted, see ``settings.flat``; ``config`` is the same nested. Evaluations
    (denoiser samples), seconds and effective guidance are NaN where the ledger has none.
    """

    folder: Path
    file: Path
    id: str
    name: str
    prompt: str
    seed: int
    reflected: bool
    evaluations: float
    seconds: float
    guidance: float
    device: str
    scores: dict[str, float]
    sources: dict[str, str]
    still: bool | None
    settings: dict[str, Any] = field(repr=False)
    config: dict[str, Any] = field(repr=False)

    @property
    def key(self) -> Key:
        return self.prompt, self.seed

    @property
    def is_image(self) -> bool:
        return self.file.suffix == ".png"


@dataclass(frozen=True)
class Folder:
    """A folder's finished clips, and how many others there are, by what they are."""

    path: Path
    clips: list[Clip]
    left_out: dict[str, int]


def read(folder: Path) -> Folder:
    """Read a folder of clips.

    Raises:
        InputError: if it is none, or nothing in it is finished.
    """
    if not folder.is_dir():
        raise InputError("no such folder", str(folder))
    done: dict[str, dict[str, Any]] = {}
    files: dict[str, Path] = {}
    left_out: Counter[str] = Counter()
    for row in rows(folder):
        if row["state"] != "done":
            left_out["failed" if row["state"] == "failed" else "not rendered"] += 1
            continue
        of_it = [folder / "clips" / f"{row['name']}.{kind}" for kind in ("mp4", "png")]
        file = next((f for f in of_it if f.is_file()), None)
        if file is None:
            left_out["lost"] += 1
            continue
        done[row["name"]], files[row["name"]] = row, file
    if not done:
        raise InputError("has no finished clips to compare; render into it first", str(folder))
    scores = scores_of(files, folder)
    clips = [_clip(folder, files[name], row, scores[name]) for name, row in done.items()]
    return Folder(folder, clips, dict(left_out))


def _clip(folder: Path, file: Path, row: dict[str, Any], scores: dict[str, Score]) -> Clip:
    still = bool(scores[STATIC].value) if STATIC in scores else None
    scores = {
        name: score
        for name, score in scores.items()
        if is_metric(name) and not (name == FLICKERING and still is False)
    }
    return Clip(
        folder=folder,
        file=file,
        id=row["id"],
        name=row["name"],
        prompt=row["prompt"],
        seed=int(row["seed"]),
        reflected=row["config"].get("reflection") is not None,
        evaluations=_number(row["evaluations"]),
        seconds=_number(row["seconds"]),
        guidance=_number(_guidance(row)),
        device=row["device"] or "",
        scores={name: s.value for name, s in scores.items() if math.isfinite(s.value)},
        sources={name: score.source for name, score in scores.items()},
        still=still,
        settings=flat(row["config"]),
        config=row["config"],
    )


def _guidance(row: dict[str, Any]) -> float | None:
    """As the run has logged it; a plain clip has its own scale."""
    found = row if row["config"].get("reflection") else row["config"]
    return found["guidance" if found is row else "guidance_scale"]


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)
