"""Table 3: a mixture of experts, reflected with its own worst experts."""

from __future__ import annotations

from typing import NamedTuple

from .. import corrected
from ..result import Result
from ..stills.alternatives import alternatives
from ..stills.outcomes import TOLD, Held, Outcomes, Ways, effort, figure
from ..stills.prompts import class_pairs
from ..stills.sampling import sampled, stills
from ..stills.ways import MORE, Partner, Way, plain_with


class Size(NamedTuple):
    """``pairs`` of a class and noise, ``steps`` of sampling; each at all ``guidances``."""

    pairs: int
    steps: int
    guidances: tuple[float, ...] = (1.0, 2.5)


FULL, QUICK = Size(180, 20), Size(2, 2)
GAPS = (0.5, 0.25, 0.1)
BEST, LONG, GUIDED = "best experts", "equal evaluations", "more guidance, equal evaluations"


def ways(size: Size, guidance: float) -> Ways:
    steps = size.steps
    exact = Way(steps, guidance, partner=Partner(experts=True))
    return {
        "worst experts": (Way(steps, guidance, model="weak"), "weak"),
        BEST: (Way(steps, guidance), "strong"),
        LONG: (plain_with(exact.evaluations, guidance), "strong"),
        GUIDED: (plain_with(exact.evaluations, guidance + MORE), "strong"),
        **alternatives(exact, {gap(g): g for g in GAPS}),
    }


def gap(size: float) -> str:
    return f"reflected, gap {size:g}"


# Made before anything was sampled, but for those of smaller gaps: before these were.
HELD = (
    Held("The worst experts get less right", "worst experts", BEST, "below"),
    Held("Reflection with them gets more right", "reflected", BEST),
    Held("More than as many evaluations without", "reflected", LONG),
    Held("More than those with more guidance", "reflected", GUIDED),
    Held("More than extrapolation", "reflected", "extrapolate"),
    Held("Its outlines are better", "reflected", BEST, by="iou"),
    Held("Turned round, it does harm", "turned round", BEST, "below"),
    Held("A quarter of the gap gets more right than as many evaluations without", gap(0.25), LONG),
    Held("and more than those with more guidance", gap(0.25), GUIDED),
    Held("A tenth of it gets more right than as many evaluations without", gap(0.1), LONG),
)


def run(seed: int, quick: bool) -> Result:
    size = QUICK if quick else FULL
    made = {f"guidance {scale:g}": ways(size, scale) for scale in size.guidances}
    with stills("moe", quick) as rendering:
        return result(sampled(rendering, made, class_pairs(size.pairs, seed)), size)


def result(made: list[Outcomes], size: Size) -> Result:
    claims = corrected.corrected(claim for outcomes in made for claim in outcomes.claims(HELD))
    return Result(
        name="experts",
        title="Best and worst experts",
        about=(
            "The paper's table 3 on the embedded DiT-MoE, 2 of 8 experts and the shared ones: the "
            "weak side is the same transformer, routed to the experts with the lowest scores. "
            f"{size.pairs} pictures of one thing, the 90 classes equally often (classes are what "
            f"intervals resample and tests turn round); {size.steps} "
            f"steps, mode exact, gap 1, all steps; *more guidance* is {MORE:g} more. "
            "Gaps below a half, and what is claimed of them, were added when the rest was known. "
            f"Training saw all classes; the noise is new. {TOLD}"
        ),
        claims=claims,
        tables=[outcomes.table() for outcomes in made],
        figure=figure(made, BEST),
        caption="What is all right and how well outlines fit, for the best experts, the worst, "
        "and reflections between them, with guidance and without",
        remarks=[corrected.told(claims), *map(_remark, made), effort(made)],
    )


def _remark(outcomes: Outcomes) -> str:
    return f"{outcomes.title}, most all right first: {outcomes.order()}."
