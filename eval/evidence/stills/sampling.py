"""Samples all ways of an evidence, on several processes and resumable."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch

from w2sd_video.shapes import Kind

from ..embedded.clips import rendering_of
from ..embedded.price import Price, tell_cost
from ..embedded.rendering import Rendering, Sampler, Wanted
from ..embedded.store import Pair
from .outcomes import METRICS, Found, Outcomes, Ways
from .sampler import Embedded
from .ways import Way

PRICE = Price("stills", each=0.03, evaluation=0.0014)
BATCH = 32
TIMED = 8  # stills, in one batch


def sampled(
    kind: Kind, conditions: dict[str, Ways], pairs: list[Pair], quick: bool, rounds: int = 0
) -> list[Outcomes]:
    """What comes of each way of each condition on these pairs.

    Args:
        rounds: in which every way is timed, if it is.
    """
    wanted = [Wanted(way, pairs) for ways in conditions.values() for way, _ in ways.values()]
    with rendering_of(kind, Embedded, quick, BATCH) as rendering:
        tell_cost("planned", wanted, PRICE, rendering.processes)
        rendering.get(wanted)
        seconds = timed(rendering.sampler, (one.column for one in wanted), pairs[:TIMED], rounds)
        return [
            Outcomes(
                where,
                {label: _found(rendering, way, pairs, seconds) for label, (way, _) in ways.items()},
                {label: role for label, (_, role) in ways.items()},
            )
            for where, ways in conditions.items()
        ]


def timed(
    sampler: Sampler[Way, Pair], ways: Iterable[Way], pairs: list[Pair], rounds: int
) -> dict[Way, float]:
    """Seconds that a still takes one core, by way: the median of the rounds.

    What was measured with the stills that are kept came of other hours and other company. Here
    all ways have their turn in every round, so that what slows a while slows all of them.
    """
    found: dict[Way, list[float]] = {way: [] for way in ways}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for way in [*found][:rounds]:  # the first calls load models and fill caches
            sampler(way, pairs)
        for _ in range(rounds):
            for way, seconds in found.items():
                seconds += [row.seconds for row in sampler(way, pairs)[:1]]
    finally:
        torch.set_num_threads(threads)
    return {way: float(np.median(seconds)) for way, seconds in found.items() if seconds}


def _found(
    rendering: Rendering[Way, Pair], way: Way, pairs: list[Pair], seconds: dict[Way, float]
) -> Found:
    rows = [rendering.of(way, pair) for pair in pairs]
    return Found(
        way=way,
        captions=[scene.caption for scene, _ in pairs],
        values={m: np.array([row.values[m] for row in rows], dtype=np.float64) for m in METRICS},
        evaluations=float(np.mean([row.evaluations for row in rows])),
        seconds=seconds.get(way),
        effort=sum(row.seconds for row in rows),
    )
