"""Samples all ways of an evidence, on two processes and resumable."""

from __future__ import annotations

import os
import sys
import tempfile
from functools import partial
from pathlib import Path

import numpy as np

from ..video.rendering import Rendering, Wanted
from ..video.store import fingerprint, key
from ..video.working import CLIPS, PROCESSES
from .outcomes import METRICS, Found, Outcomes, Ways
from .prompts import Pair
from .sampler import Embedded, Kind
from .ways import Way

BATCH = 32
A_STILL, AN_EVALUATION = 0.03, 0.0014  # seconds of one core of a small server


def sampled(
    kind: Kind, conditions: dict[str, Ways], pairs: list[Pair], quick: bool
) -> list[Outcomes]:
    """What comes of each way of each condition on these pairs.

    Nothing of a quick one is kept.
    """
    models = fingerprint(kind)
    with tempfile.TemporaryDirectory() as temporary:
        rendering = Rendering(
            sampler=Embedded(kind, models),
            key=partial(key, models),
            folder=Path(temporary) if quick else CLIPS / kind,
            processes=1 if quick else min(PROCESSES, os.cpu_count() or 1),
            batch=BATCH,
        )
        wanted = [Wanted(way, pairs) for ways in conditions.values() for way, _ in ways.values()]
        _say_cost(wanted, rendering.processes)
        rendering.get(wanted)
        return [
            Outcomes(
                where,
                {label: _found(rendering, way, pairs) for label, (way, _) in ways.items()},
                {label: role for label, (_, role) in ways.items()},
            )
            for where, ways in conditions.items()
        ]


def _say_cost(wanted: list[Wanted[Way, Pair]], processes: int) -> None:
    """What is planned, before it is sampled."""
    stills = sum(len(one.pairs) for one in wanted)
    evaluations = sum(one.evaluations for one in wanted)
    minutes = (A_STILL * stills + AN_EVALUATION * evaluations) / processes / 60
    print(
        f"{stills:,} stills, {evaluations:,} denoiser evaluations, about {minutes:.0f} minutes "
        f"with {processes} processes if none are there yet",
        file=sys.stderr,
        flush=True,
    )


def _found(rendering: Rendering[Way, Pair], way: Way, pairs: list[Pair]) -> Found:
    rows = [rendering.of(way, pair) for pair in pairs]
    return Found(
        way=way,
        values={m: np.array([row.values[m] for row in rows], dtype=np.float64) for m in METRICS},
        evaluations=float(np.mean([row.evaluations for row in rows])),
        seconds=float(np.mean([row.seconds for row in rows])),
    )
