"""Table 6: do the gains of two differences, weights and guidance, add up?"""

from __future__ import annotations

from typing import NamedTuple

from .measured import Measured
from .panels import Role, Row
from .result import Claim, Result, Table
from .stills.outcomes import METRICS, Held, Metric, Outcomes
from .stills.prompts import pairs
from .stills.study import sampled
from .stills.ways import Partner, Way


class Size(NamedTuple):
    """``pairs`` of a caption and noise, ``steps`` of sampling."""

    pairs: int
    steps: int
    guidance: float = 2.5
    low: float = 1.0  # guidance of a weak side that differs in it


FULL, QUICK = Size(192, 20), Size(2, 2)
NONE, WEIGHTS, GUIDANCE, BOTH = "neither", "weights", "guidance", "weights and guidance"
LONG, GUIDED = "neither, equal evaluations", "neither, matched guidance"
HALF, GAP, EXTRAPOLATED = "half of the steps", "half of the gap", "extrapolate"


def partners(size: Size) -> dict[str, Partner]:
    return {
        WEIGHTS: Partner(weights=True),
        GUIDANCE: Partner(guidance=size.low),
        BOTH: Partner(weights=True, guidance=size.low),
    }


def ways(size: Size) -> tuple[dict[str, Way], dict[str, Role]]:
    """The four cells, what they are held against, and the same with less or no reflection."""
    steps, guidance = size.steps, size.guidance
    both = Way(steps, guidance, partner=partners(size)[BOTH])
    equal = max(1, round(both.evaluations / Way(1, guidance).evaluations))
    made: dict[str, tuple[Way, Role]] = {
        NONE: (Way(steps, guidance), "strong"),
        LONG: (Way(equal, guidance), "strong"),
        # To first order, strong + (strong − weak) is this much plain guidance.
        GUIDED: (Way(steps, 2 * guidance - size.low), "strong"),
    }
    for name, partner in partners(size).items():
        made[name] = Way(steps, guidance, partner=partner), "reflected"
    for name, partner in partners(size).items():
        half = Way(steps, guidance, partner=partner, share=0.5)
        less = Way(steps, guidance, partner=partner, gap=0.5)
        other = Way(steps, guidance, partner=partner, mode="extrapolate")
        made[f"{name}, {HALF}"] = half, "other"
        made[f"{name}, {GAP}"] = less, "other"
        made[f"{name}, {EXTRAPOLATED}"] = other, "baseline"
    return {k: way for k, (way, _) in made.items()}, {k: role for k, (_, role) in made.items()}


# Made before anything was sampled.
HELD = (
    Held("A difference in weights helps", WEIGHTS, NONE),
    Held("A difference in guidance helps", GUIDANCE, NONE),
    Held("Both help more than weights alone", BOTH, WEIGHTS),
    Held("Both help more than guidance alone", BOTH, GUIDANCE),
    Held("Both help more than as many evaluations without reflection", BOTH, LONG),
    Held("Both help more than the guidance that the pair's amounts to", BOTH, GUIDED),
    Held("Both help more than extrapolation by both", BOTH, f"{BOTH}, {EXTRAPOLATED}"),
    Held("Both make better outlines than either: than weights", BOTH, WEIGHTS, by="iou"),
    Held("and than guidance", BOTH, GUIDANCE, by="iou"),
)
SUM = 0.05  # how near to the sum of the two gains is near


def run(seed: int, quick: bool) -> Result:
    size = QUICK if quick else FULL
    made, roles = ways(size)
    found = sampled("image", made, pairs("addition", size.pairs, seed), quick)
    return result(Outcomes(found, roles), size)


def result(outcomes: Outcomes, size: Size) -> Result:
    return Result(
        name="addition",
        title="Two differences at once",
        about=(
            "The paper's table 6 on the embedded image model: the weak side has the weak "
            f"partner's weights, or guidance {size.low:g} in place of {size.guidance:g}, or "
            f"both. Scenes of two things whose captions training never saw, {size.pairs} of "
            f"them; {size.steps} steps, mode exact, gap 1, all steps. *All right* is number, "
            "colors, shapes and background, all of them; *outlines* is the overlap with the "
            "nearest picture of the scene that the world itself would draw."
        ),
        claims=[
            *outcomes.claims(HELD),
            _sum_claim(outcomes, "everything"),
            _sum_claim(outcomes, "iou"),
        ],
        tables=[
            _cells(outcomes, "everything"),
            outcomes.table(
                f"Means over {size.pairs} scenes; evaluations of the denoiser and seconds of one "
                "core, a still."
            ),
        ],
        figure=[
            Row(
                title="",
                panels=[outcomes.dots("everything", NONE), outcomes.dots("iou", NONE)],
            )
        ],
        caption="What is all right and how well outlines fit, without reflection and with pairs "
        "that differ in weights, in guidance, or in both",
        remarks=[outcomes.corrected(HELD), _remark(outcomes)],
    )


def rest(outcomes: Outcomes, metric: Metric) -> Measured:
    """What both differences gain beyond the sum of their gains."""
    values = {
        label: outcomes.found[label].values[metric] for label in (NONE, WEIGHTS, GUIDANCE, BOTH)
    }
    beyond = values[BOTH] - values[WEIGHTS] - values[GUIDANCE] + values[NONE]
    return Measured.of(beyond.tolist()).model_copy(update={"values": []})


def _sum_claim(outcomes: Outcomes, metric: Metric) -> Claim:
    return Claim(
        text="The gains add up",
        row=f"{METRICS[metric]}: gain of both − sum of the two gains",
        measured=rest(outcomes, metric),
        expected="within",
        bound=SUM,
    )


def _cells(outcomes: Outcomes, metric: Metric) -> Table:
    """The table of four cells."""
    found = outcomes.found
    return Table(
        note=f"{METRICS[metric][0].upper()}{METRICS[metric][1:]}, by what the weak side has of "
        "its own.",
        columns=["same guidance", "low guidance"],
        rows=[
            ("same weights", [found[NONE].mean(metric), found[GUIDANCE].mean(metric)]),
            ("weak weights", [found[WEIGHTS].mean(metric), found[BOTH].mean(metric)]),
        ],
    )


def _remark(outcomes: Outcomes) -> str:
    found = outcomes.found
    order = sorted(found, key=lambda label: -found[label].mean("everything").mean)
    told = ", ".join(f"{label} {found[label].mean('everything')}" for label in order[:4])
    return f"Most all right: {told}; neither has {found[NONE].mean('everything')}."
