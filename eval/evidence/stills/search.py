"""The search for the best use of a number of evaluations, on development pairs."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from w2sd_video.core.reflection import MODES, Mode

from ..embedded.rendering import as_dear
from ..embedded.store import Pair
from .outcomes import Outcomes, Ways
from .sampling import Stills, sampled
from .ways import Partner, Way

PLAIN, REFLECTED, EXTRAPOLATED = (
    "plain, best guidance",
    "reflected, best settings",
    "extrapolate, best settings",
)
OUTLINED = "plain, best guidance for outlines"
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

    What is right is made as large as can be, and where that is the same, outlines.

    Attributes:
        tried: what came of each way, by its settings.
    """

    def __init__(self, search: Search, rendering: Stills, pairs: list[Pair]) -> None:
        self.search, self.rendering, self.pairs = search, rendering, pairs
        self.tried = Outcomes("development", {}, {})

    def best(self) -> dict[str, Way]:
        """Of plain sampling, reflection and extrapolation, and of plain sampling the one that is
        best in outlines."""
        search = self.search
        plain = [search.plain(guidance) for guidance in search.alone]
        modes = {REFLECTED: REFLECTING, EXTRAPOLATED: ("extrapolate",)}
        found = self._best_of(
            {PLAIN: plain}
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
        outlined = max(plain, key=lambda way: self._worth(way)[::-1])
        return {PLAIN: alone, OUTLINED: outlined, **found}

    def _best_of(self, families: dict[str, list[Way]]) -> dict[str, Way]:
        ways: Ways = {
            told(way): (way, "other")
            for family in families.values()
            for way in family
            if told(way) not in self.tried.found
        }
        [outcomes] = sampled(self.rendering, {"development": ways}, self.pairs)
        self.tried.found.update(outcomes.found)
        self.tried.roles.update(outcomes.roles)
        return {name: max(family, key=self._worth) for name, family in families.items()}

    def _worth(self, way: Way) -> tuple[float, float]:
        found = self.tried.found[told(way)]
        return found.mean("everything").mean, found.mean("iou").mean


def told(way: Way) -> str:
    """Its settings, in words."""
    if way.partner is None:
        return f"plain, guidance {way.guidance:g}, {way.steps} steps"
    return (
        f"{way.mode}, guidance {way.guidance:g}, gap {way.gap:g}, {way.share:.0%} of "
        f"{way.steps} steps"
    )
