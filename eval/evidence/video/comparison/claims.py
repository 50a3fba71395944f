"""What is compared with what. Written down before any clip of the test was looked at.

- Primary metric: **all right**, a mean over pairs, of which three in four have two things.
- Primary comparison: a reflection on half of the steps, mode exact, gap 1, with the shipped
  weak partner, against the strong model alone at as many denoiser evaluations, each at the
  guidance that is best for it on the development split.
- Guidance is chosen there by the primary metric. The test split is looked
  at once, with what was chosen. The other claims below are secondary, and their p's are corrected
  together by Holm's method; so are those of the table of all metrics and reflected columns.
- Captions, not pairs, are what intervals and p's take for draws (``paired.py``).
- Strong at the guidance that reflection amounts to has two arms: at its mean over all steps, and
  at its mean over those that reflect in as many of its own first steps, with plain guidance in the
  others. Both may be past the best guidance, so only what beats both, and strong at its best
  guidance, is more than guidance.
- Jitter is compared where both clips have all things: to lose the one that is harder to draw must
  not look like a straighter path.
- Extrapolation has guidance of its own, and as many more steps as make up for its lower cost.
- What is among ``FEW`` is on fewer pairs. What no claim names is descriptive.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from w2sd_video.core.reflection import Mode

from ...embedded.rendering import as_dear
from ...result import Hypothesis
from ..columns import LOW, Column, plain_with
from ..metrics import PRIMARY, Metric
from ..plan import Plan


@dataclass(frozen=True)
class Chosen:
    """Guidance, from the development split.

    Attributes:
        strong: of the strong model alone, at the plan's steps.
        equal: likewise, at as many evaluations as the reflection.
        reflected: of the reflection.
        extrapolated: of extrapolation on half of the steps, at as many evaluations.
        effective: what the reflection there amounts to, a mean over clips and steps.
        reflecting: likewise, over those steps only that reflect.
    """

    strong: float
    equal: float
    reflected: float
    extrapolated: float
    effective: float
    reflecting: float


def reflection(plan: Plan, guidance: float, share: float = 0.5) -> Column:
    """The primary one, or that on another share of the steps."""
    return Column(plan.steps, guidance, partner="weights", mode="exact", share=share)


def extrapolation(evaluations: int, guidance: float, share: float = 0.5) -> Column:
    """With at least as many evaluations."""
    one = Column(1, guidance, partner="weights", mode="extrapolate", share=share)
    return as_dear(lambda steps: replace(one, steps=steps), evaluations)


def reflected(mode: Mode, share: float) -> str:
    return f"{mode}, {share:.0%} of the steps"


STRONG, WEAK, SELF = "strong", "weak", "weak = strong"
BEST, EQUAL = "strong, best guidance", "strong, equal evaluations"
MATCHED, GUIDED = "strong, matched guidance", "strong, matched where it reflects"
MIXED = "weak denoiser"
REFLECTED, EXTRAPOLATED = reflected("exact", 0.5), reflected("extrapolate", 0.5)
IMPLICIT, CACHED = reflected("implicit", 0.5), reflected("cached", 0.5)


FEW = (MIXED,)  # of this, only the first pairs of the test are sampled
BARELY = 1.0001  # guidance 1, but both halves are evaluated: what it amounts to can be logged


def columns(plan: Plan, chosen: Chosen) -> dict[str, Column]:
    """Every column of the test by its label, in the table's order."""
    primary = reflection(plan, chosen.reflected)
    return {
        WEAK: Column(plan.steps, chosen.strong, model="weak"),
        MIXED: Column(plan.steps, chosen.strong, model="weak denoiser"),
        STRONG: Column(plan.steps, chosen.reflected),
        BEST: Column(plan.steps, chosen.strong),
        **alone(plan, chosen),
        MATCHED: plain_with(primary.evaluations, chosen.effective),
        GUIDED: guided(primary, chosen.reflecting),
        SELF: replace(primary, partner="self"),
        **{
            reflected(mode, share): _of_mode(plan, chosen, mode, share)
            for mode in plan.modes
            for share in plan.shares
        },
    }


def guided(reflected: Column, reflecting: float) -> Column:
    """Strong with other guidance in the steps that reflect; at as many evaluations.

    Away from guidance 1, g moves to g + gap (g − 1), and nothing else is evaluated.
    """
    own = max(reflected.guidance, BARELY)
    gap = round((reflecting - own) / (own - LOW), 4)
    more = replace(reflected, guidance=own, partner="guidance", mode="extrapolate", gap=gap)
    return as_dear(lambda steps: replace(more, steps=steps), reflected.evaluations)


def _of_mode(plan: Plan, chosen: Chosen, mode: Mode, share: float) -> Column:
    exact = reflection(plan, chosen.reflected, share)
    if mode == "extrapolate":
        return extrapolation(exact.evaluations, chosen.extrapolated, share)
    return replace(exact, mode=mode)


def alone(plan: Plan, chosen: Chosen) -> dict[str, Column]:
    """Strong at as many evaluations as the reflections in mode exact, and at the guidance
    that is best for it at the primary one's."""
    primary = reflection(plan, chosen.reflected)
    dear = [replace(primary, share=share).evaluations for share in plan.shares]
    equal = plain_with(primary.evaluations, chosen.equal)
    others = [plain_with(cost, chosen.equal) for cost in dear]
    return {EQUAL: equal} | {f"strong, {one.steps} steps": one for one in others if one != equal}


@dataclass(frozen=True)
class Held(Hypothesis):
    by: Metric = PRIMARY
    things: int | None = None  # of the prompts; None is both kinds


MORE_THAN_GUIDANCE = (
    Held(
        "More than guidance: more than strong at the mean guidance that reflection amounts to",
        REFLECTED,
        MATCHED,
    ),
    Held("and more than strong with that of the steps that reflect in as many", REFLECTED, GUIDED),
)
CLAIMS = (
    Held("Reflection gets more clips all right than as many evaluations of strong, each at the "
         "guidance that development chose (primary)", REFLECTED, EQUAL),
    Held("also where prompts have one thing", REFLECTED, EQUAL, things=1),
    Held("also where prompts have two things", REFLECTED, EQUAL, things=2),
    Held("More than strong in as many steps, at the guidance that development chose for that",
         REFLECTED, BEST),
    *MORE_THAN_GUIDANCE,
    Held("More than as many evaluations of extrapolation, at the guidance that development chose "
         "for that", REFLECTED, EXTRAPOLATED),
    Held("Where nothing is missing, its clips are nearer to the ideal ones", REFLECTED, EQUAL,
         by="psnr_complete"),
    Held("and its paths are straighter", REFLECTED, EQUAL, "below", by="jitter_complete"),
    Held("Its outlines are nearer, missing things and all", REFLECTED, EQUAL, by="iou"),
    Held("It moves as much", REFLECTED, EQUAL, "within", 0.1, "dynamic"),
    Held("implicit does as much as exact", IMPLICIT, REFLECTED, "within", 0.03),
    Held("cached, for a quarter less, does no worse", CACHED, REFLECTED, "above", -0.03),
    Held("The weak model is the weaker one", WEAK, BEST, "below"),
    Held("So is its denoiser in strong's place, which takes part in reflections", MIXED, BEST,
         "below"),
    Held("With weak = strong nothing changes", SELF, STRONG, "within", 0.05),
    Held("and paths stay as they are", SELF, STRONG, "within", 0.1, "jitter_complete"),
)  # fmt: skip
