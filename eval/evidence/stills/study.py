"""Samples all ways of an evidence, on several processes and resumable."""

from __future__ import annotations

import numpy as np

from w2sd_video.shapes import Kind

from ..embedded.rendering import Rendering, Wanted
from ..embedded.store import Pair
from ..embedded.working import Price, rendering_of, tell_cost
from .outcomes import METRICS, Found, Outcomes, Ways
from .sampler import Embedded
from .ways import Way

PRICE = Price("stills", each=0.03, evaluation=0.0014)
BATCH = 32


def sampled(
    kind: Kind, conditions: dict[str, Ways], pairs: list[Pair], quick: bool
) -> list[Outcomes]:
    """What comes of each way of each condition on these pairs."""
    wanted = [Wanted(way, pairs) for ways in conditions.values() for way, _ in ways.values()]
    with rendering_of(kind, Embedded, quick, BATCH) as rendering:
        tell_cost("planned", wanted, PRICE, rendering.processes)
        rendering.get(wanted)
        return [
            Outcomes(
                where,
                {label: _found(rendering, way, pairs) for label, (way, _) in ways.items()},
                {label: role for label, (_, role) in ways.items()},
            )
            for where, ways in conditions.items()
        ]


def _found(rendering: Rendering[Way, Pair], way: Way, pairs: list[Pair]) -> Found:
    rows = [rendering.of(way, pair) for pair in pairs]
    return Found(
        way=way,
        values={m: np.array([row.values[m] for row in rows], dtype=np.float64) for m in METRICS},
        evaluations=float(np.mean([row.evaluations for row in rows])),
        seconds=float(np.mean([row.seconds for row in rows])),
    )
