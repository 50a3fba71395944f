"""Table 3: a mixture of experts, reflected with its own worst experts."""

from __future__ import annotations

from typing import NamedTuple

from .panels import Role, Row
from .result import Result
from .stills.outcomes import Held, Outcomes
from .stills.prompts import class_pairs
from .stills.study import sampled
from .stills.ways import Partner, Way


class Size(NamedTuple):
    """``pairs`` of a class and noise, ``steps`` of sampling."""

    pairs: int
    steps: int
    guidances: tuple[float, ...] = (1.0, 2.5)


FULL, QUICK = Size(180, 20), Size(2, 2)
WORST = Partner(experts=True)


def ways(size: Size) -> tuple[dict[str, Way], dict[str, Role]]:
    made: dict[str, tuple[Way, Role]] = {}
    for scale in size.guidances:
        reflected = Way(size.steps, scale, partner=WORST)
        made |= {
            name(scale, "worst experts"): (Way(size.steps, scale, model="weak"), "weak"),
            name(scale, "best experts"): (Way(size.steps, scale), "strong"),
            name(scale, "equal evaluations"): (Way(3 * size.steps, scale), "strong"),
            name(scale, "reflected"): (reflected, "reflected"),
            name(scale, "implicit"): (
                Way(size.steps, scale, partner=WORST, mode="implicit"), "reflected",
            ),
            name(scale, "extrapolate"): (
                Way(size.steps, scale, partner=WORST, mode="extrapolate"), "baseline",
            ),
            name(scale, "half of the gap"): (
                Way(size.steps, scale, partner=WORST, gap=0.5), "other",
            ),
            name(scale, "turned round"): (
                Way(size.steps, scale, partner=WORST, turned=True), "harm",
            ),
        }  # fmt: skip
    return {k: way for k, (way, _) in made.items()}, {k: role for k, (_, role) in made.items()}


def name(guidance: float, what: str) -> str:
    return f"{what}, guidance {guidance:g}"


def held(guidance: float) -> list[Held]:
    """Made before anything was sampled."""

    def of(what: str) -> str:
        return name(guidance, what)

    reflected, best = of("reflected"), of("best experts")
    return [
        Held("The worst experts get less right", of("worst experts"), best, "below"),
        Held("Reflection with them gets more right", reflected, best),
        Held("More than as many evaluations without", reflected, of("equal evaluations")),
        Held("More than extrapolation", reflected, of("extrapolate")),
        Held("Its outlines are better", reflected, best, by="iou"),
        Held("Turned round, it does harm", of("turned round"), best, "below"),
    ]


def run(seed: int, quick: bool) -> Result:
    size = QUICK if quick else FULL
    made, roles = ways(size)
    found = sampled("moe", made, class_pairs(size.pairs, seed), quick)
    return result(Outcomes(found, roles), size)


def result(outcomes: Outcomes, size: Size) -> Result:
    claims = [one for scale in size.guidances for one in held(scale)]
    return Result(
        name="experts",
        title="Best and worst experts",
        about=(
            "The paper's table 3 on the embedded DiT-MoE, 2 of 8 experts and a shared one: the "
            "weak side is the same transformer, routed to the experts with the lowest scores. "
            f"{size.pairs} pictures of one thing, the 90 classes equally often; {size.steps} "
            "steps, mode exact, gap 1, all steps. Training saw all classes; the noise is new. "
            "*All right* is number, color, shape and background, all of them; *outlines* is the "
            "overlap with the nearest picture of the class that the world itself would draw."
        ),
        claims=outcomes.claims(claims),
        tables=[
            outcomes.table(
                f"Means over {size.pairs} pictures; evaluations of the denoiser and seconds of "
                "one core, a picture."
            )
        ],
        figure=[
            Row(
                title="",
                panels=[
                    outcomes.dots(metric, name(size.guidances[-1], "best experts"))
                    for metric in ("everything", "iou")
                ],
            )
        ],
        caption="What is all right and how well outlines fit, for the best experts, the worst, "
        "and reflections between them",
        remarks=[
            outcomes.corrected(claims),
            *(_remark(outcomes, scale) for scale in size.guidances),
        ],
    )


def _remark(outcomes: Outcomes, guidance: float) -> str:
    labels = [label for label in outcomes.found if label.endswith(name(guidance, ""))]
    order = sorted(labels, key=lambda label: -outcomes.found[label].mean("everything").mean)
    told = ", ".join(
        f"{label.partition(', guidance')[0]} {outcomes.found[label].mean('everything')}"
        for label in order
    )
    return f"At guidance {guidance:g}, most all right first: {told}."
