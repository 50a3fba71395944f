"""Clips of the shipped models: found where they are kept, or sampled."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from w2sd_video.render.errors import InputError
from w2sd_video.shapes import FOLDERS, Kind

from ..result import Result
from .record import Record
from .rendering import Costs, Rendering, Sampler
from .store import Pair, Row, fingerprint, key

CLIPS = Path("evidence") / "clips"  # what was measured, a line a clip; studies share it
PROCESSES = 8  # at most; each has its own copy of the models

C = TypeVar("C", bound=Costs)


@dataclass(frozen=True)
class Refusing:
    """In a sampler's place where its clips would not go with those that are recorded."""

    def __call__(self, column: Any, pairs: list[Pair]) -> list[Row]:
        scene, seed = pairs[0]
        raise InputError(
            f"the record lacks clips, among “{scene.caption}” with seed {seed} and the next "
            f"{len(pairs) - 1}, of {column}; what it has was sampled with other weights, code, "
            "libraries or precision than there are here, so nothing can be added to it; leave "
            "the option out to sample all anew",
            "--recorded",
        )


@contextmanager
def rendering_of(
    kind: Kind,
    sampler: Callable[[Kind, str], Sampler[C, Any]],
    quick: bool,
    batch: int,
    recorded: Record | None = None,
) -> Iterator[Rendering[C, Any]]:
    """Of a kind's shipped models; nothing of a quick one is kept.

    Args:
        sampler: made of the kind and the models' fingerprint.
        batch: clips that are sampled together.
        recorded: clips that are not sampled again. Others are, if these models sampled the record.

    Raises:
        InputError: if there are no weights, or a clip would not go with those that are recorded.
    """
    if not FOLDERS[kind].exists():
        raise InputError(f"no weights of the shapes model '{kind}' in {FOLDERS[kind]}")
    models = fingerprint(kind)
    fits = recorded is None or recorded.models == models
    alone = quick or not fits
    with tempfile.TemporaryDirectory() as temporary:
        yield Rendering(
            sampler=sampler(kind, models) if fits else Refusing(),
            key=partial(key, models),
            folder=Path(temporary) if alone else CLIPS / kind,
            processes=1 if alone else min(PROCESSES, os.cpu_count() or 1),
            batch=batch,
            recorded=recorded.by_key(models) if recorded else {},
        )


def with_clips(
    result: Result, kind: Kind, rendering: Rendering[Any, Any], recorded: Record | None
) -> Result:
    """With the record of its clips and, where none of them is new, of how they came about."""
    if recorded and rendering.is_recorded:
        clips = replace(recorded, rows=rendering.told)
        return result.model_copy(update={"clips": clips, "made": recorded.made})
    clips = Record(fingerprint(kind), None, rendering.told)
    return result.model_copy(update={"clips": clips})
