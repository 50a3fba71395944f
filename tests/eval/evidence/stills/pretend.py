"""Made-up outcomes: a way gets right what its label has been given."""

from __future__ import annotations

import numpy as np
from w2sd_video.eval.evidence.stills.outcomes import METRICS, Found, Outcomes, Ways

COUNT = 80


def outcomes(ways: Ways, right: dict[str, float], where: str = "guidance 2.5") -> Outcomes:
    """Of each way this share of the stills is all right, 0.5 where nothing is given."""
    rng = np.random.default_rng(0)
    luck = rng.permutation(COUNT) / COUNT  # the same noise for all ways: differences are paired
    found = {}
    for label, (way, _) in ways.items():
        good = (luck < right.get(label, 0.5)).astype(np.float64)
        by_metric = dict.fromkeys(METRICS, good)
        captions = [f"caption {i}" for i in range(COUNT)]
        found[label] = Found(way, captions, by_metric, way.evaluations, way.evaluations / 400)
    return Outcomes(where, found, {label: role for label, (_, role) in ways.items()})
