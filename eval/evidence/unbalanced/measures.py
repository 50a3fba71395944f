"""Numbers of each setting, one for each repetition."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from w2sd_video.shapes.world import SHAPES

from ..measured import Measured
from .classes import NOTHING
from .experiment import Repetition
from .pictures import KINDS, RARE

BALANCED = 1 / len(KINDS)

Measure = Literal["off", "rare", "outlines", "distance"]
MEASURES: dict[Measure, str] = {
    "off": "histogram off",
    "rare": f"{RARE}es",
    "outlines": "outlines",
    "distance": "features off",
}


class Measures:
    """Numbers of a setting, one for each repetition."""

    def __init__(self, found: list[Repetition]) -> None:
        self.found = found

    def of(self, label: str, by: Measure) -> Measured:
        sets = [repetition[label] for repetition in self.found]
        if by == "outlines":
            return Measured.of([one.outlines for one in sets])
        if by == "distance":
            return Measured.of([one.distance for one in sets])
        if by == "rare":
            return self.share(label, SHAPES.index(RARE))
        return Measured.of([off(one.shares) for one in sets])

    def best(self, labels: Collection[str]) -> list[str]:
        """For each repetition the setting whose histogram is nearest on the others."""
        off = {label: self.of(label, "off").values for label in labels}
        return [
            min(labels, key=lambda label: sum(off[label]) - off[label][repeat])
            for repeat in range(len(self.found))
        ]

    def of_each(self, labels: Sequence[str], by: Measure) -> Measured:
        """Of one setting for each repetition."""
        return Measured.of([self.of(label, by).values[i] for i, label in enumerate(labels)])

    def share(self, label: str, *which: int) -> Measured:
        """Of these classes together."""
        return Measured.of([float(one[label].shares[list(which)].sum()) for one in self.found])


def off(shares: NDArray[np.float64]) -> float:
    """Total variation to the balanced histogram; what shows no shape of it is off, too."""
    kinds = [SHAPES.index(kind) for kind in KINDS]
    return float(np.maximum(BALANCED - shares[kinds], 0.0).sum())


def others() -> list[int]:
    """Classes that training never saw, and no class."""
    return [which for which in range(NOTHING + 1) if (*SHAPES, "")[which] not in KINDS]
