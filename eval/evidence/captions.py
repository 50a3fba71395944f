"""Table 5: the weak side reads a raw caption, the strong side a refined one."""

from __future__ import annotations

from typing import NamedTuple

from .panels import Role, Row
from .result import Result
from .stills.outcomes import Held, Outcomes
from .stills.prompts import RAW, Words, pairs, prompt
from .stills.study import sampled
from .stills.ways import Partner, Way


class Size(NamedTuple):
    """``pairs`` of a caption and noise, ``steps`` of sampling."""

    pairs: int
    steps: int
    guidance: float = 2.5
    more: float = 4.0  # guidance: what 2.5 and a weak side without guidance amount to


FULL, QUICK = Size(128, 20), Size(2, 2)
STRONG, LONG, GUIDED = "refined", "refined, equal evaluations", "refined, more guidance"


def ways(size: Size) -> tuple[dict[str, Way], dict[str, Role]]:
    plain = Way(size.steps, size.guidance)
    made: dict[str, tuple[Way, Role]] = {
        STRONG: (plain, "strong"),
        LONG: (Way(3 * size.steps, size.guidance), "strong"),
        GUIDED: (Way(size.steps, size.more), "strong"),
    }
    for words in RAW:
        partner = Partner(words=words)
        reflected = Way(size.steps, size.guidance, partner=partner)
        extrapolated = Way(size.steps, size.guidance, partner=partner, mode="extrapolate")
        turned = Way(size.steps, size.guidance, partner=partner, turned=True)
        made |= {
            raw(words): (Way(size.steps, size.guidance, words=words), "weak"),
            f"{words}: reflected": (reflected, "reflected"),
            f"{words}: extrapolate": (extrapolated, "baseline"),
            f"{words}: turned round": (turned, "harm"),
        }
    return {k: way for k, (way, _) in made.items()}, {k: role for k, (_, role) in made.items()}


def raw(words: Words) -> str:
    return f"{words}: alone"


def held(words: Words) -> list[Held]:
    """The claims on one kind of raw captions, made before anything was sampled."""
    reflected = f"{words}: reflected"
    return [
        Held("The raw caption gets less right", raw(words), STRONG, "below"),
        Held("Reflection gets more right than the refined caption alone", reflected, STRONG),
        Held("More than the refined one with as many evaluations", reflected, LONG),
        Held("More than the refined one with more guidance", reflected, GUIDED),
        Held("More than extrapolation", reflected, f"{words}: extrapolate"),
        Held("Its outlines are better", reflected, STRONG, by="iou"),
        Held("Turned round, it does harm", f"{words}: turned round", STRONG, "below"),
    ]


def run(seed: int, quick: bool) -> Result:
    size = QUICK if quick else FULL
    asked = pairs("captions", size.pairs, seed)
    made, roles = ways(size)
    outcomes = Outcomes(sampled("image", made, asked, quick), roles)
    scene = asked[0].scene
    kinds: tuple[Words, ...] = ("refined", *RAW)
    return result(outcomes, size, "; ".join(f"{w}: *{prompt(scene, w)}*" for w in kinds))


def result(outcomes: Outcomes, size: Size, examples: str) -> Result:
    claims = [one for words in RAW for one in held(words)]
    return Result(
        name="captions",
        title="Raw and refined captions",
        about=(
            "The paper's table 5 on the embedded image model. Scenes of two things whose captions "
            "training never saw; strong and final side read the world's own caption, the weak "
            f"side a raw one of the same scene ({examples}). "
            f"{size.pairs} scenes, {size.steps} steps, guidance {size.guidance:g}, mode exact, "
            "gap 1, all steps. *All right* is number, colors, shapes and background, all of "
            "them, graded against the whole scene; *outlines* is the overlap with the nearest "
            "picture of it that the world itself would draw."
        ),
        claims=outcomes.claims(claims),
        tables=[
            outcomes.table(
                f"Means over {size.pairs} scenes; evaluations of the denoiser and seconds of one "
                "core, a still."
            )
        ],
        figure=[
            Row(
                title="",
                panels=[outcomes.dots("everything", STRONG), outcomes.dots("iou", STRONG)],
            )
        ],
        caption="What is all right and how well outlines fit, for refined and raw captions alone "
        "and for reflection, extrapolation and the pair turned round",
        remarks=[outcomes.corrected(claims), *(_remark(outcomes, words) for words in RAW)],
    )


def _remark(outcomes: Outcomes, words: Words) -> str:
    found = outcomes.found
    labels = [STRONG, LONG, GUIDED, f"{words}: reflected", f"{words}: extrapolate"]
    order = sorted(labels, key=lambda label: -found[label].mean("everything").mean)
    told = ", ".join(f"{label} {found[label].mean('everything')}" for label in order)
    return f"{words[0].upper()}{words[1:]}, most all right first: {told}."
