"""What is claimed of the test's columns, and what each comparison's p is."""

from __future__ import annotations

from ... import corrected
from ...result import HOLDS, Claim
from ..columns import Column
from ..metrics import METRICS, PRIMARY, Metric
from ..outcomes import Differences, Found, Test
from ..plan import Plan
from .claims import CLAIMS, EQUAL, MORE_THAN_GUIDANCE, REFLECTED, Chosen, Held, alone

PRIMARY_TEST = Test(REFLECTED, EQUAL, PRIMARY)


class Report:
    """All comparisons of one test split.

    Attributes:
        against: of each reflected column, strong alone at as many evaluations, or nearly.
        p_listed: of every metric of every reflected column against that, by Holm's method.
        claims: those of the plan on which something was sampled and measured. The primary one's
            p is as it is, those of the others by Holm's method together.
    """

    def __init__(self, plan: Plan, chosen: Chosen, found: dict[str, Found]) -> None:
        self.plan, self.chosen, self.found = plan, chosen, found
        self.differences = Differences(found)
        reflected = [label for label, one in found.items() if not one.column.is_alone]
        self.against = {label: self._as_dear(found[label]) for label in reflected}
        self.p_listed = self.differences.corrected(
            Test(a, b, metric) for a, b in self.against.items() for metric in METRICS
        )
        made = [(held, claim) for held in self._asked() for claim in [self._claim(held)] if claim]
        first = [claim for held, claim in made if _test(held) == PRIMARY_TEST]
        others = [(held, claim) for held, claim in made if _test(held) != PRIMARY_TEST]
        self.secondary = corrected.corrected(claim for _, claim in others)
        self.claims = [*first, *self.secondary]
        self._by_held = dict(zip((held for held, _ in others), self.secondary, strict=True))

    def remarks(self) -> list[str]:
        """What a reader of the claims alone would not see."""
        told = [f"Of the secondary claims: {corrected.told(self.secondary)}", self._of_guidance()]
        ends = {
            name: guidance
            for name, guidance in (
                ("strong", self.chosen.strong),
                ("strong at equal evaluations", self.chosen.equal),
                ("the reflection", self.chosen.reflected),
                ("extrapolation", self.chosen.extrapolated),
            )
            if guidance in (self.plan.guidances[0], self.plan.guidances[-1])
        }
        if ends:
            told.append(
                "The best guidance was an end of what was tried: "
                + ", ".join(f"{guidance:g} for {name}" for name, guidance in ends.items())
                + "."
            )
        return told

    def _of_guidance(self) -> str:
        claims = [self._by_held[held] for held in MORE_THAN_GUIDANCE if held in self._by_held]
        shown = all(claim.verdict == HOLDS for claim in [self.claims[0], *claims])
        return (
            f"That reflection does more than guidance is {'' if shown else 'not '}shown: it takes "
            "the primary comparison, with strong at its own best guidance, and both with strong at "
            "the guidance that reflection amounts to."
        )

    def _asked(self) -> list[Held]:
        """The plan's, each once: at guidance 1 strong in as many steps is strong at as many
        evaluations."""
        known = [held for held in CLAIMS if held.a in self.found and held.b in self.found]
        once: dict[tuple[Column, Column, Metric, int | None], Held] = {}
        for held in known:
            a, b = (self.found[label].column for label in (held.a, held.b))
            once.setdefault((a, b, held.by, held.things), held)
        return [*once.values()]

    def _as_dear(self, reflected: Found) -> str:
        """Strong alone at the number of evaluations that is nearest."""
        return min(
            alone(self.plan, self.chosen),
            key=lambda label: abs(self.found[label].evaluations - reflected.evaluations),
        )

    def _claim(self, held: Held) -> Claim | None:
        test = _test(held)
        difference = self.differences.of(test)
        if difference is None:
            return None
        of = {None: "", 1: " of one thing", 2: " of two things"}[held.things]
        row = f"{METRICS[held.by]}{of}: {held.a} − {held.b}"
        return held.claim(row, difference, lambda bound: self.differences.p(test, bound))


def _test(held: Held) -> Test:
    return Test(held.a, held.b, held.by, held.things)
