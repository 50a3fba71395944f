"""The search for the best settings of a reflection, on the development split."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from w2sd_video.core.reflection import Mode

from ..embedded.rendering import Wanted
from . import plan as planned
from .choice import Family, best_guidances, choose, worth
from .columns import LOW, Column, Partner, plain_with
from .pairs import Pair
from .plan import Plan
from .sampler import Videos


@dataclass(frozen=True)
class Search:
    """What may be chosen.

    Attributes:
        partners: the kinds of difference, each of which gets settings of its own.
        modes: of reflection; extrapolation is not one.
        reserve: pairs that the ``judged`` kinds furthest ahead are judged on.
    """

    plan: Plan = planned.FULL
    partners: tuple[Partner, ...] = ("weights", "guidance", "weights and guidance", "still")
    modes: tuple[Mode, ...] = ("exact", "implicit", "cached")
    gaps: tuple[float, ...] = (0.5, 1.0, 2.0)
    reserve: int = 512
    judged: int = 1

    @property
    def choices(self) -> list[Callable[[Column], list[Column]]]:
        """What is tried of a column, one after the other, once its guidance is chosen."""
        return [
            lambda one: [replace(one, share=share) for share in self.plan.shares],
            lambda one: [replace(one, mode=mode) for mode in self.modes],
            lambda one: [replace(one, gap=gap) for gap in self.gaps],
        ]


FULL = Search()
QUICK = Search(planned.QUICK, ("weights", "guidance"), gaps=(1.0,), reserve=2)


@dataclass(frozen=True)
class Best:
    """The best settings of one kind of difference.

    Attributes:
        alone: the strong model at as many evaluations.
        ahead: how many more clips the reflection gets all right on the development split, and
            how many more attributes.
    """

    reflected: Column
    alone: Column
    ahead: tuple[float, float]


class Searching:
    """Setting by setting, for all kinds of difference at once: guidance, then share of the
    steps, mode and gap.

    Attributes:
        strong: the strong model's best guidance at as many evaluations as the primary reflection.
    """

    def __init__(self, search: Search, rendering: Videos, pairs: list[Pair]) -> None:
        self.search, self.rendering, self.pairs = search, rendering, pairs
        self.strong = choose(search.plan, rendering, pairs).equal

    def best(self) -> dict[Partner, Best]:
        plan = self.search.plan
        start = planned.reflection(plan, plan.start[0])
        found = [replace(start, partner=partner) for partner in self.search.partners]
        found = self._guided(found)
        for variants in self.search.choices:
            found = self._best_of([variants(one) for one in found])
        return {
            one.partner: Best(one, self.alone(one), self._ahead(one))
            for one in found
            if one.partner is not None
        }

    def alone(self, reflected: Column) -> Column:
        """Strong at as many evaluations, and at its best guidance."""
        return plain_with(reflected.evaluations, self.strong)

    def _guided(self, found: list[Column]) -> list[Column]:
        def family(column: Column) -> Family:
            return lambda guidance: replace(column, guidance=guidance)

        above = [LOW if "guidance" in (one.partner or "") else 0.0 for one in found]
        families = [family(one) for one in found]
        best = best_guidances(families, self.search.plan, self.rendering, self.pairs, above)
        pairs = zip(found, best, strict=True)
        return self._best_of([[replace(one, guidance=guidance)] for one, guidance in pairs])

    def _best_of(self, candidates: list[list[Column]]) -> list[Column]:
        """The one furthest ahead, of each list."""
        listed = [column for own in candidates for column in own]
        listed += [self.alone(column) for column in listed]
        self.rendering.get(Wanted(column, self.pairs) for column in listed)
        return [max(own, key=self._ahead) for own in candidates]

    def _ahead(self, reflected: Column) -> tuple[float, float]:
        own = worth(self.rendering, reflected, self.pairs)
        other = worth(self.rendering, self.alone(reflected), self.pairs)
        return own[0] - other[0], own[1] - other[1]
