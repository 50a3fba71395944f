"""The search for the best use of a number of evaluations, on the development split."""

from __future__ import annotations

from dataclasses import dataclass, replace

from w2sd_video.core.reflection import Mode
from w2sd_video.shapes import Kind

from ...embedded.rendering import Wanted, as_dear
from .. import plan as planned
from ..columns import LOW, Column, Partner, plain_with
from ..guidance import best_guidances, worth
from ..pairs import Pair
from ..plan import Plan
from ..sampler import Videos


@dataclass(frozen=True)
class Search:
    """What may be chosen.

    Attributes:
        plan: of its pairs, its guidances of strong alone, and its shares of the steps.
        evaluations: that everything takes, or the next more there are.
        partners: the kinds of difference, each of which gets settings of its own.
        modes: of reflection; extrapolation is not one.
        guidances: of reflection; where the weak side has guidance 1, those above it.
        gap: at which modes and guidances are chosen.
        gaps: what may be chosen then.
        reserve: pairs that the ``judged`` kinds that are best are judged on.
        beside: guidances of strong alone that the reserve shows, too, without a claim.
    """

    plan: Plan = planned.FULL
    evaluations: int = 36
    partners: tuple[Partner, ...] = ("weights", "guidance", "weights and guidance", "still")
    modes: tuple[Mode, ...] = ("exact", "implicit", "cached")
    guidances: tuple[float, ...] = (1.0, 1.5, 2.5)
    gap: float = 1.0
    gaps: tuple[float, ...] = (0.5, 1.0, 2.0)
    reserve: int = 512
    judged: int = 1
    beside: tuple[float, ...] = ()

    def alone(self, guidance: float) -> Column:
        """Strong alone."""
        return plain_with(self.evaluations, guidance)

    def starts(self, partner: Partner) -> list[Column]:
        """Each mode at each guidance, on all steps."""
        low = LOW if "guidance" in partner else 0.0
        return [
            self.within(Column(1, guidance, partner=partner, mode=mode, gap=self.gap))
            for mode in self.modes
            for guidance in self.guidances
            if guidance > low
        ]

    def gapped(self, column: Column) -> list[Column]:
        return [replace(column, gap=gap) for gap in self.gaps]

    def shared(self, column: Column) -> list[Column]:
        """On each share of the steps."""
        return [self.within(replace(column, share=share)) for share in self.plan.shares]

    def within(self, column: Column) -> Column:
        """With as few steps as take the evaluations."""
        return as_dear(lambda steps: replace(column, steps=steps), self.evaluations)


FULL: dict[Kind, Search] = {
    "video": Search(),
    # Made when the UNet's search, that on stills and the transformer's comparison were known: no
    # other kind of difference was ahead of weights, half of the gap may be better than all of it,
    # `implicit` was no worse than `exact` and ahead of `cached`, all steps no worse than some.
    "dit": Search(
        replace(
            planned.FULL,
            dev=96,
            guidances=(1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0),
            start=(2.0, 2.5, 3.0),
            shares=(0.5, 1.0),
        ),
        partners=("weights",),
        modes=("implicit",),
        guidances=(1.5, 2.0, 2.5),
        gap=0.5,
        gaps=(0.25, 0.5, 1.0),
        reserve=256,
        # Added when the rest was known: development had chosen 4 here, and 2.5 for the comparison.
        beside=(2.5,),
    ),
}
QUICK = Search(planned.QUICK, 8, ("weights", "guidance"), guidances=(2.5,), gaps=(1.0,), reserve=2)


class Searching:
    """Setting by setting, for all kinds of difference at once: guidance and mode, then gap, then
    the share of the steps.

    Attributes:
        strong: the best guidance of the strong model alone.
        tried: all that was, in that order.
    """

    def __init__(self, search: Search, rendering: Videos, pairs: list[Pair]) -> None:
        self.search, self.rendering, self.pairs = search, rendering, pairs
        [(self.strong, alone)] = best_guidances([search.alone], search.plan, rendering, pairs)
        self.tried = dict.fromkeys(alone.values())

    def best(self) -> dict[Partner, Column]:
        """Of each kind of difference; the best kind first."""
        search = self.search
        found = self._best_of([search.starts(partner) for partner in search.partners])
        found = self._best_of([search.gapped(one) for one in found])
        found = self._best_of([search.shared(one) for one in found])
        kinds = zip(search.partners, found, strict=True)
        return dict(sorted(kinds, key=lambda kind: self._worth(kind[1]), reverse=True))

    def right(self, column: Column) -> float:
        """The share of the development clips that are all right."""
        return self._worth(column)[0]

    def _best_of(self, families: list[list[Column]]) -> list[Column]:
        self.rendering.get(Wanted(column, self.pairs) for own in families for column in own)
        self.tried |= dict.fromkeys(column for own in families for column in own)
        return [max(own, key=self._worth) for own in families]

    def _worth(self, column: Column) -> tuple[float, float]:
        return worth(self.rendering, column, self.pairs)
