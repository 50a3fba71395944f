"""What is compared with what. Written down before any clip of the test was looked at.

- Primary metric: **all right**, a mean over prompts of one thing and of two, half each.
- Primary comparison: a reflection on half of the steps, mode exact, gap 1, with the shipped
  weak partner, at the guidance that is best for it, against the strong model alone at as many
  denoiser evaluations, at the guidance that is best for that.
- Guidance is chosen on the development split, by the primary metric. The test split is looked
  at once, with what was chosen. The other claims below are secondary, and their p's are corrected
  together by Holm's method; so are those of the table of all metrics and reflected columns.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from w2sd_video.core.reflection import MODES, Mode

from ..result import Hypothesis
from .columns import Column, plain_with

Metric = Literal[
    "everything", "count", "color", "shape", "motion", "background",
    "psnr", "iou", "jitter", "dynamic",
]  # fmt: skip
METRICS: dict[Metric, str] = {
    "everything": "all right",
    "count": "count",
    "color": "color",
    "shape": "shape",
    "motion": "motion",
    "background": "background",
    "psnr": "PSNR, dB",
    "iou": "IoU",
    "jitter": "jitter ↓, px",
    "dynamic": "speed, px a frame",
}
LOWER_IS_BETTER = ("jitter",)
PRIMARY: Metric = "everything"


@dataclass(frozen=True)
class Plan:
    """The size of it.

    Attributes:
        steps: sampling steps of all columns but those that make up for evaluations.
        dev, test, grid: pairs; of the test ``test`` in the primary comparison and for strong
            at its best, and the first ``grid`` of them in all other columns.
        guidances: what may be chosen. Those of ``start`` are tried first, and the next one
            as long as the last one is the best.
        shares: of steps that reflect.
    """

    steps: int = 12
    dev: int = 48
    test: int = 512
    grid: int = 80
    guidances: tuple[float, ...] = (1.0, 1.5, 2.5, 4.0, 6.0)
    start: tuple[float, ...] = (1.5, 2.5, 4.0)
    shares: tuple[float, ...] = (0.25, 0.5, 1.0)
    modes: tuple[Mode, ...] = tuple(mode for mode in MODES if mode != "official")


FULL = Plan()
QUICK = Plan(steps=2, dev=2, test=2, grid=2, guidances=(2.5,), start=(2.5,), shares=(0.5,))


@dataclass(frozen=True)
class Chosen:
    """Guidance, from the development split.

    Attributes:
        strong: of the strong model alone, at the plan's steps.
        equal: likewise, at as many evaluations as the reflection.
        reflected: of the reflection.
        effective: what the reflection there amounts to, a mean over clips and steps.
    """

    strong: float
    equal: float
    reflected: float
    effective: float


def reflection(plan: Plan, guidance: float) -> Column:
    """The primary one."""
    return Column(plan.steps, guidance, partner="weights", mode="exact", share=0.5)


def reflected(mode: Mode, share: float) -> str:
    return f"{mode}, {share:.0%} of the steps"


STRONG, WEAK, SELF = "strong", "weak", "weak = strong"
BEST, EQUAL = "strong, best guidance", "strong, equal evaluations"
MATCHED, MIXED = "strong, matched guidance", "weak denoiser"
REFLECTED = reflected("exact", 0.5)
LARGE = (REFLECTED, EQUAL, BEST)  # of these all pairs are sampled


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
        SELF: replace(primary, partner="self"),
        **{
            reflected(mode, share): replace(primary, mode=mode, share=share)
            for mode in plan.modes
            for share in plan.shares
        },
    }


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


CLAIMS = (
    Held("Reflection gets more clips all right than as many evaluations of strong at its best "
         "guidance (primary)", REFLECTED, EQUAL),
    Held("also where prompts have one thing", REFLECTED, EQUAL, things=1),
    Held("also where prompts have two things", REFLECTED, EQUAL, things=2),
    Held("More than strong at its best guidance, at half the cost", REFLECTED, BEST),
    Held("More than strong at the guidance that reflection amounts to, at equal evaluations",
         REFLECTED, MATCHED),
    Held("More than extrapolation", REFLECTED, reflected("extrapolate", 0.5)),
    Held("Its clips are nearer to the ideal ones", REFLECTED, EQUAL, by="psnr"),
    Held("and so are its outlines", REFLECTED, EQUAL, by="iou"),
    Held("Its paths are straighter", REFLECTED, EQUAL, "below", by="jitter"),
    Held("It moves as much", REFLECTED, EQUAL, "within", 0.1, "dynamic"),
    Held("On all steps it does more", reflected("exact", 1.0), REFLECTED),
    Held("On a quarter of the steps it does less", reflected("exact", 0.25), REFLECTED, "below"),
    Held("implicit does as much as exact", reflected("implicit", 0.5), REFLECTED, "within", 0.05),
    Held("cached, for a quarter less, does no worse", reflected("cached", 0.5), REFLECTED,
         "above", -0.05),
    Held("The weak model is the weaker one", WEAK, BEST, "below"),
    Held("With weak = strong there is nothing to gain", SELF, STRONG, "within", 0.05),
    Held("and paths stay as they are", SELF, STRONG, "within", 0.1, "jitter"),
)  # fmt: skip
