"""What is claimed of the test's columns, and what each comparison's p is."""

from __future__ import annotations

import math

from ..result import HOLDS, Claim
from .outcomes import Differences, Found, Test, measured
from .plan import CLAIMS, EQUAL, METRICS, PRIMARY, REFLECTED, Chosen, Held, Plan, alone

LEVEL = 0.05
PRIMARY_TEST = Test(REFLECTED, EQUAL, PRIMARY)


class Report:
    """All comparisons of one test split.

    Attributes:
        against: of each reflected column, strong alone at as many evaluations.
        p: of the claims' tests: the primary one as it is, the others by Holm's method together.
        p_listed: of every metric of every reflected column against that, by Holm's method, too.
        claims: those of the plan on which something was sampled and measured.
    """

    def __init__(self, plan: Plan, chosen: Chosen, found: dict[str, Found]) -> None:
        self.plan, self.chosen, self.found = plan, chosen, found
        self.differences = Differences(found)
        known = [held for held in CLAIMS if held.a in found and held.b in found]
        reflected = [label for label, one in found.items() if one.column.partner]
        self.against = {label: self._as_dear(found[label]) for label in reflected}
        claimed = [_test(held) for held in known if held.of_more_or_less]
        others = [test for test in claimed if test != PRIMARY_TEST]
        first = {PRIMARY_TEST: self.differences.of(PRIMARY_TEST).p}
        self.p = first | self.differences.corrected(others)
        self.p_listed = self.differences.corrected(
            Test(a, b, metric) for a, b in self.against.items() for metric in METRICS
        )
        made = ((held, self._claim(held)) for held in known)
        self._told = [(held, claim) for held, claim in made if claim is not None]
        self.claims = [claim for _, claim in self._told]

    def remarks(self) -> list[str]:
        """What a reader of the claims alone would not see."""
        holding = [held for held, claim in self._told if self._holds(held, claim)]
        lost = [f"“{held.text}”" for held in holding if self.p[_test(held)] >= LEVEL]
        told = []
        if lost:
            told.append(
                "Held by their own intervals, but not with Holm's correction for all "
                f"{len(self.p) - 1} secondary claims of more or less: {', '.join(lost)}."
            )
        elif holding:
            told.append("What holds does so with Holm's correction for the secondary claims, too.")
        ends = {
            name: guidance
            for name, guidance in (
                ("strong", self.chosen.strong),
                ("strong at equal evaluations", self.chosen.equal),
                ("the reflection", self.chosen.reflected),
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

    def _holds(self, held: Held, claim: Claim) -> bool:
        """Whether it does, and is one of more or less, which has a p."""
        return claim.verdict == HOLDS and _test(held) in self.p

    def _as_dear(self, reflected: Found) -> str:
        """Strong alone at as many evaluations; where there is none, at the next more."""
        costs = {label: self.found[label].evaluations for label in alone(self.plan, self.chosen)}
        enough = [label for label in costs if costs[label] >= 0.98 * reflected.evaluations]
        return min(enough or costs, key=lambda label: costs[label])

    def _claim(self, held: Held) -> Claim | None:
        test = _test(held)
        paired = self.differences.of(test)
        if not paired.n:
            return None
        of = {None: "", 1: " of one thing", 2: " of two things"}[held.things]
        row = f"{METRICS[held.by]}{of}: {held.a} − {held.b}"
        if test in self.p:
            row += f" ({'p' if test == PRIMARY_TEST else 'p after Holm'} {p_told(self.p[test])})"
        return held.claim(row, measured(paired))


def p_told(p: float) -> str:
    return "unknown" if math.isnan(p) else "< .001" if p < 0.001 else f"{p:.3f}".lstrip("0")


def _test(held: Held) -> Test:
    return Test(held.a, held.b, held.by, held.things)
