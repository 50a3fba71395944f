"""Table 6: do the gains of two differences, weights and guidance, add up?"""

from __future__ import annotations

from typing import NamedTuple

from .measured import Measured
from .panels import Row
from .result import Claim, Result, Table
from .stills.outcomes import DRAWN, METRICS, TOLD, Held, Metric, Outcomes, Ways, corrected, measured
from .stills.prompts import pairs
from .stills.study import sampled
from .stills.ways import Partner, Way


class Size(NamedTuple):
    """``pairs`` of a caption and noise, ``steps`` of sampling.

    ``guidances`` are those of the call, and of a weak side that differs in it.
    """

    pairs: int
    steps: int
    guidances: tuple[tuple[float, float], ...] = ((2.5, 1.0), (1.0, 0.0))


FULL, QUICK = Size(192, 20), Size(2, 2)
NONE, WEIGHTS, GUIDANCE, BOTH = "neither", "weights", "guidance", "weights and guidance"
LONG, GUIDED = "neither, equal evaluations", "neither, matched guidance"
EXTRAPOLATED = f"{BOTH}, extrapolate"


def ways(size: Size, guidance: float, low: float) -> Ways:
    """The four cells, what they are held against, and the same by other settings."""
    steps = size.steps
    partners = {
        WEIGHTS: Partner(weights=True),
        GUIDANCE: Partner(guidance=low),
        BOTH: Partner(weights=True, guidance=low),
    }
    dear = max(Way(steps, guidance, partner=one).evaluations for one in partners.values())
    equal = max(1, round(dear / Way(1, guidance).evaluations))
    made: Ways = {
        NONE: (Way(steps, guidance), "strong"),
        LONG: (Way(equal, guidance), "strong"),
        # To first order, strong + (strong − weak) is this much plain guidance.
        GUIDED: (Way(steps, 2 * guidance - low), "strong"),
    }
    for name, one in partners.items():
        made[name] = Way(steps, guidance, partner=one), "reflected"
    for name, one in partners.items():
        made[f"{name}, half of the steps"] = Way(steps, guidance, partner=one, share=0.5), "other"
        made[f"{name}, half of the gap"] = Way(steps, guidance, partner=one, gap=0.5), "other"
        made[f"{name}, implicit"] = Way(steps, guidance, partner=one, mode="implicit"), "reflected"
        other = Way(steps, guidance, partner=one, mode="extrapolate")
        made[f"{name}, extrapolate"] = other, "baseline"
    return made


# Made before anything was sampled.
HELD = (
    Held("A difference in weights helps", WEIGHTS, NONE),
    Held("A difference in guidance helps", GUIDANCE, NONE),
    Held("Both help more than weights alone", BOTH, WEIGHTS),
    Held("Both help more than guidance alone", BOTH, GUIDANCE),
    Held("Both help more than as many evaluations without reflection", BOTH, LONG),
    Held("Both help more than the guidance that the pair's amounts to", BOTH, GUIDED),
    Held("Both help more than extrapolation by both", BOTH, EXTRAPOLATED),
    Held("Both make better outlines than either: than weights", BOTH, WEIGHTS, by="iou"),
    Held("and than guidance", BOTH, GUIDANCE, by="iou"),
)
SUM = 0.05  # how near to the sum of the two gains is near


def run(seed: int, quick: bool) -> Result:
    size = QUICK if quick else FULL
    made = {f"guidance {high:g}": ways(size, high, low) for high, low in size.guidances}
    return result(sampled("image", made, pairs("addition", size.pairs, seed), quick), size)


def result(made: list[Outcomes], size: Size) -> Result:
    told = ", and ".join(f"{low:g} in place of {high:g}" for high, low in size.guidances)
    return Result(
        name="addition",
        title="Two differences at once",
        about=(
            "The paper's table 6 on the embedded image model: the weak side has the weak "
            f"partner's weights, or less guidance ({told}), or both. Scenes of two things whose "
            f"captions training never saw, {size.pairs} of them; {size.steps} steps, mode exact, "
            f"gap 1, all steps. {TOLD} The lower guidance, and rows of implicit and of half of "
            "the gap, were added after a look at other pairs; the claims stayed as they were."
        ),
        claims=[claim for outcomes in made for claim in claims(outcomes)],
        tables=[
            *(_cells(outcomes, metric) for outcomes in made for metric in DRAWN),
            *(outcomes.table() for outcomes in made),
        ],
        figure=[
            Row(title="", panels=[outcomes.dots(metric, NONE) for outcomes in made])
            for metric in DRAWN
        ],
        caption="What is all right and how well outlines fit, without reflection and with pairs "
        "that differ in weights, in guidance, or in both",
        remarks=[corrected((outcomes, HELD) for outcomes in made), *map(_remark, made)],
    )


def claims(outcomes: Outcomes) -> list[Claim]:
    sums = [
        Claim(
            text="The gains add up",
            row=f"{outcomes.where}, {METRICS[metric]}: gain of both − sum of the two gains",
            measured=rest(outcomes, metric),
            expected="within",
            bound=SUM,
        )
        for metric in DRAWN
    ]
    return [*outcomes.claims(HELD), *sums]


def rest(outcomes: Outcomes, metric: Metric) -> Measured:
    """What both differences gain beyond the sum of their gains."""
    of = {label: outcomes.found[label].values[metric] for label in (NONE, WEIGHTS, GUIDANCE, BOTH)}
    return measured(of[BOTH] - of[WEIGHTS] - of[GUIDANCE] + of[NONE])


def _cells(outcomes: Outcomes, metric: Metric) -> Table:
    """The table of four cells."""
    found = outcomes.found
    return Table(
        note=f"{METRICS[metric][0].upper()}{METRICS[metric][1:]} at {outcomes.where}, by what the "
        "weak side has of its own.",
        columns=["same guidance", "less guidance"],
        rows=[
            ("same weights", [found[NONE].mean(metric), found[GUIDANCE].mean(metric)]),
            ("weak weights", [found[WEIGHTS].mean(metric), found[BOTH].mean(metric)]),
        ],
    )


def _remark(outcomes: Outcomes) -> str:
    return f"{outcomes.title}, most all right first: {outcomes.order(most=6)}."
