"""Samples all ways of an evidence, and times them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace

import numpy as np
import torch

from w2sd_video.shapes import Kind

from ..embedded.clips import rendering_of
from ..embedded.price import Price, tell_cost
from ..embedded.record import Record
from ..embedded.rendering import Rendering, Wanted
from ..embedded.store import Pair, Row, key
from .outcomes import METRICS, Found, Outcomes, Ways
from .sampler import Embedded
from .ways import Way

PRICE = Price("stills", each=0.03, evaluation=0.0014)
BATCH = 32
TIMED = 8  # stills, in one batch


@dataclass(frozen=True)
class Timed:
    """A way once more, for the time that it takes.

    What was measured with the stills that are kept came of other hours and other company. Here
    all ways have their turn in every round, so that what slows a while slows all of them.
    """

    way: Way
    round: int

    @property
    def evaluations(self) -> int:
        return self.way.evaluations


Stills = Rendering[Way | Timed, Pair]


@dataclass(frozen=True)
class Sampling:
    """``Embedded``, also of ways that are timed; those on one thread."""

    kind: Kind
    fingerprint: str

    def __call__(self, column: Way | Timed, pairs: list[Pair]) -> list[Row]:
        embedded = Embedded(self.kind, self.fingerprint)
        if isinstance(column, Way):
            return embedded(column, pairs)
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            rows = embedded(column.way, pairs)
        finally:
            torch.set_num_threads(threads)
        return [
            replace(row, key=key(self.fingerprint, column, pair), column=asdict(column))
            for row, pair in zip(rows, pairs, strict=True)
        ]


def stills(
    kind: Kind, quick: bool, recorded: Record | None = None
) -> AbstractContextManager[Stills]:
    """See ``rendering_of``."""
    return rendering_of(kind, Sampling, quick, BATCH, recorded)


def sampled(
    rendering: Stills, conditions: Mapping[str, Ways], pairs: list[Pair], rounds: int = 0
) -> list[Outcomes]:
    """What comes of each way of each condition on these pairs.

    Args:
        rounds: in which every way is timed, if it is.
    """
    every = dict.fromkeys(way for ways in conditions.values() for way, _ in ways.values())
    wanted: list[Wanted[Way | Timed, Pair]] = [Wanted(way, pairs) for way in every]
    if not rendering.recorded:
        tell_cost("planned", wanted, PRICE, rendering.processes)
    rendering.get(wanted)
    seconds = timed(rendering, every, pairs[:TIMED], rounds)
    return [
        Outcomes(
            where,
            {label: _found(rendering, way, pairs, seconds) for label, (way, _) in ways.items()},
            {label: role for label, (_, role) in ways.items()},
        )
        for where, ways in conditions.items()
    ]


def timed(
    rendering: Stills, ways: Collection[Way], pairs: list[Pair], rounds: int
) -> dict[Way, float]:
    """Seconds that a still takes one core, by way: the median of the rounds."""
    turns = [Timed(way, number) for number in range(rounds) for way in ways]
    rendering.get(Wanted(turn, pairs) for turn in turns)
    seconds: dict[Way, list[float]] = {}
    for turn in turns:
        seconds.setdefault(turn.way, []).append(rendering.of(turn, pairs[0]).seconds)
    return {way: float(np.median(own)) for way, own in seconds.items()}


def _found(rendering: Stills, way: Way, pairs: list[Pair], seconds: dict[Way, float]) -> Found:
    rows = [rendering.of(way, pair) for pair in pairs]
    return Found(
        way=way,
        captions=[scene.caption for scene, _ in pairs],
        values={m: np.array([row.values[m] for row in rows], dtype=np.float64) for m in METRICS},
        evaluations=float(np.mean([row.evaluations for row in rows])),
        seconds=seconds.get(way),
        effort=sum(row.seconds for row in rows),
    )
