"""Samples what is not there yet, on several processes, and keeps every batch as it comes.

Batches are cut by a pair's place in its split, never by what is missing, and each clip has a
generator of its own. So neither the number of processes nor an interruption changes a result.
All columns of the same pairs come one after the other in one process, which may remember what they
have in common (``memo.py``).
"""

from __future__ import annotations

import itertools
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from w2sd_video.render.quiet import quiet

from .. import worker
from .store import Row, append, read

TOLD_EVERY = 60.0  # seconds


class Costs(Protocol):
    """What a column is asked here: denoiser evaluations of one clip."""

    @property
    def evaluations(self) -> int: ...


C = TypeVar("C", bound=Costs)  # a column
P = TypeVar("P")  # a pair of prompt and seed
# Rows of these pairs, sampled in one batch. It crosses to other processes.
Sampler = Callable[[C, list[P]], list[Row]]


def as_dear(by_steps: Callable[[int], C], evaluations: int) -> C:
    """With as few steps as take this many evaluations, or the next more there are."""
    return next(one for one in map(by_steps, itertools.count(1)) if one.evaluations >= evaluations)


@dataclass(frozen=True)
class Wanted(Generic[C, P]):
    """Clips of one column."""

    column: C
    pairs: list[P]

    @property
    def evaluations(self) -> int:
        return self.column.evaluations * len(self.pairs)


@dataclass
class Rendering(Generic[C, P]):
    """Rows of what was wanted so far.

    Attributes:
        key: of a clip, see ``store.key``.
        folder: of the JSONL files.
        processes: how many sample; with one it is this process.
        batch: clips that are sampled together.
        recorded: rows that are known beforehand, by key.
        asked: keys of all that was wanted so far, in that order.
    """

    sampler: Sampler[C, P]
    key: Callable[[C, P], str]
    folder: Path
    processes: int
    batch: int
    recorded: dict[str, Row] = field(default_factory=dict)
    asked: dict[str, None] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.rows = read(self.folder) | self.recorded

    def get(self, wanted: Iterable[Wanted[C, P]]) -> None:
        """Have rows of all these clips."""
        work = self._missing([*wanted])
        if self.processes == 1 or len(work) < 2:
            _work(self.sampler, _joined(work), self.folder / "0.jsonl")
        else:
            _on_processes(self.sampler, work, self.folder, min(self.processes, len(work)))
        if work:
            self.rows = read(self.folder) | self.recorded

    def of(self, column: C, pair: P) -> Row:
        return self.rows[self.key(column, pair)]

    @property
    def told(self) -> list[Row]:
        """Rows of all that was wanted so far."""
        return [self.rows[key] for key in self.asked]

    @property
    def is_recorded(self) -> bool:
        """Whether all of them were known beforehand."""
        return self.asked.keys() <= self.recorded.keys()

    @property
    def effort(self) -> tuple[int, float, float]:
        """Clips that were asked for, their evaluations, and seconds of processor time."""
        rows = self.told
        return len(rows), sum(row.evaluations for row in rows), sum(row.seconds for row in rows)

    def _missing(self, wanted: list[Wanted[C, P]]) -> list[list[Wanted[C, P]]]:
        """Batches of which a clip is missing, each once: of the same pairs in one list, and the
        longest lists first, so that all processes end at about the same time."""
        self.asked |= {self.key(one.column, pair): None for one in wanted for pair in one.pairs}
        batches = {
            self.key(one.column, one.pairs[i]): Wanted(one.column, one.pairs[i : i + self.batch])
            for one in sorted(wanted, key=lambda one: len(one.pairs))
            for i in range(0, len(one.pairs), self.batch)
        }
        missing: dict[P, list[Wanted[C, P]]] = {}
        for batch in batches.values():
            if any(self.key(batch.column, pair) not in self.rows for pair in batch.pairs):
                missing.setdefault(batch.pairs[0], []).append(batch)
        return sorted(missing.values(), key=lambda own: -_evaluations(own))


def _joined(work: list[list[Wanted[C, P]]]) -> list[Wanted[C, P]]:
    return [batch for own in work for batch in own]


def _evaluations(work: list[Wanted[Any, Any]]) -> int:
    return sum(batch.evaluations for batch in work)


def _on_processes(
    sampler: Sampler[Any, Any], work: list[list[Wanted[Any, Any]]], folder: Path, count: int
) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(
            target=_alone,
            args=(sampler, _joined(work[i::count]), folder / f"{i}.jsonl"),
            daemon=True,
        )
        for i in range(count)
    ]
    try:
        for process in processes:
            process.start()
        for process in processes:
            process.join()
    finally:
        for process in processes:
            if process.pid is not None and process.is_alive():
                process.terminate()
    failed = [process.exitcode for process in processes if process.exitcode != 0]
    if failed:
        raise RuntimeError(f"{len(failed)} of {count} sampling processes failed, see above")


def _alone(sampler: Sampler[C, P], work: list[Wanted[C, P]], file: Path) -> None:
    """In a process of its own."""
    quiet()
    worker.begin()
    _work(sampler, work, file)


def _work(sampler: Sampler[C, P], work: list[Wanted[C, P]], file: Path) -> None:
    total, done = _evaluations(work), 0
    began = told = time.monotonic()
    for batch in work:
        append(file, sampler(batch.column, batch.pairs))
        done += batch.evaluations
        now = time.monotonic()
        if now - told > TOLD_EVERY and file.name == "0.jsonl":
            left = (now - began) * (total - done) / done
            print(f"  {done / total:.0%}, {left / 60:.0f} min left", file=sys.stderr, flush=True)
            told = now
