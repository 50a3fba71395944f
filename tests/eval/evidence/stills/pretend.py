"""Made-up outcomes: a way gets right what its label has been given."""

from __future__ import annotations

import numpy as np
from w2sd_video.eval.evidence.panels import Role
from w2sd_video.eval.evidence.stills.outcomes import METRICS, Found, Outcomes
from w2sd_video.eval.evidence.stills.ways import Way

COUNT = 80


def outcomes(ways: dict[str, Way], roles: dict[str, Role], right: dict[str, float]) -> Outcomes:
    """Of each way this share of the stills is all right, 0.5 where nothing is given."""
    rng = np.random.default_rng(0)
    luck = rng.permutation(COUNT) / COUNT  # the same noise for all ways: differences are paired
    found = {}
    for label, way in ways.items():
        good = (luck < right.get(label, 0.5)).astype(np.float64)
        by_metric = dict.fromkeys(METRICS, good)
        found[label] = Found(way, by_metric, way.evaluations, way.evaluations / 400)
    return Outcomes(found, roles)
