"""The search for the best use of a number of evaluations, on development pairs."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from w2sd_video.core.reflection import MODES, Mode

from ..embedded.rendering import as_dear
from ..embedded.store import Pair
from .outcomes import DRAWN, Ways
from .study import sampled
from .ways import Partner, Way

PLAIN, REFLECTED, EXTRAPOLATED = (
    "plain, best guidance",
    "reflected, best settings",
    "extrapolate, best settings",
)
REFLECTING: tuple[Mode, ...] = tuple(m for m in MODES if m not in ("extrapolate", "official"))


class Search(NamedTuple):
    """What may be chosen.

    Each way takes ``evaluations`` a still, or the next more there are. ``alone`` are guidances
    of plain sampling; reflection and extrapolation have ``guidances``, ``gaps`` and ``shares`` of
    the steps.
    """

    evaluations: int = 60
    alone: tuple[float, ...] = (1.5, 2.0, 2.5, 3.0, 4.0)
    guidances: tuple[float, ...] = (1.0, 1.5, 2.0, 2.5)
    gaps: tuple[float, ...] = (0.5, 1.0, 1.5, 2.0)
    shares: tuple[float, ...] = (0.25, 0.5, 1.0)

    def plain(self, guidance: float) -> Way:
        return self.within(Way(1, guidance))

    def reflection(self, mode: Mode, guidance: float) -> Way:
        """By the weak partner's weights, at gap 1 on all steps."""
        return self.within(Way(1, guidance, partner=Partner(weights=True), mode=mode))

    def within(self, way: Way) -> Way:
        """With as few steps as take the evaluations."""
        return as_dear(lambda steps: replace(way, steps=steps), self.evaluations)


class Searching:
    """Setting by setting: guidance and mode, then gap, then the share of the steps.

    Attributes:
        tried: what each way got all right, and its outlines; the larger, the better.
    """

    def __init__(self, search: Search, pairs: list[Pair], quick: bool) -> None:
        self.search, self._pairs, self._quick = search, pairs, quick
        self.tried: dict[Way, tuple[float, float]] = {}

    def best(self) -> dict[str, Way]:
        """Of plain sampling, reflection and extrapolation."""
        search = self.search
        modes = {REFLECTED: REFLECTING, EXTRAPOLATED: ("extrapolate",)}
        found = self._best_of(
            {PLAIN: [search.plain(guidance) for guidance in search.alone]}
            | {
                name: [search.reflection(mode, g) for mode in own for g in search.guidances]
                for name, own in modes.items()
            }
        )
        alone = found.pop(PLAIN)
        found = self._best_of(
            {name: [replace(way, gap=gap) for gap in search.gaps] for name, way in found.items()}
        )
        found = self._best_of(
            {
                name: [search.within(replace(way, share=share)) for share in search.shares]
                for name, way in found.items()
            }
        )
        return {PLAIN: alone, **found}

    def _best_of(self, families: dict[str, list[Way]]) -> dict[str, Way]:
        new = {way for family in families.values() for way in family} - {*self.tried}
        ways: Ways = {told(way): (way, "other") for way in sorted(new, key=told)}
        [outcomes] = sampled("image", {"development": ways}, self._pairs, self._quick)
        for one in outcomes.found.values():
            right, outlines = (one.mean(metric).mean for metric in DRAWN)
            self.tried[one.way] = right, outlines
        return {
            name: max(family, key=lambda way: self.tried[way]) for name, family in families.items()
        }


def told(way: Way) -> str:
    """Its settings, in words."""
    if way.partner is None:
        return f"plain, guidance {way.guidance:g}, {way.steps} steps"
    return (
        f"{way.mode}, guidance {way.guidance:g}, gap {way.gap:g}, {way.share:.0%} of "
        f"{way.steps} steps"
    )
