"""Figure 13: what evaluations and seconds buy, plainly and in every mode."""

from __future__ import annotations

from typing import NamedTuple

from w2sd_video.core.reflection import MODES, Mode

from .measured import Measured
from .panels import Line, Lines, Role, Row
from .result import Claim, Result
from .stills.outcomes import METRICS, Held, Metric, Outcomes
from .stills.prompts import pairs
from .stills.study import sampled
from .stills.ways import Partner, Way


class Size(NamedTuple):
    """``pairs`` of a caption and noise; steps of ``plain`` sampling and of every mode.

    Three times and twice the ``reflected`` ones are among the plain: as many evaluations.
    """

    pairs: int
    plain: tuple[int, ...]
    reflected: tuple[int, ...]
    guidance: float = 2.5


FULL = Size(96, (5, 10, 15, 20, 30, 40, 60, 80, 120), (5, 10, 20, 40))
QUICK = Size(2, (2, 4, 6), (2,))
ROLES: dict[Mode, Role] = {
    "exact": "reflected",
    "official": "harm",
    "implicit": "ideal",
    "cached": "weak",
    "extrapolate": "baseline",
}
TIMES: dict[Mode, int] = dict.fromkeys(MODES, 3) | {"cached": 2, "extrapolate": 2}
LEVEL = 0.05  # a difference that is called none


def plain(steps: int) -> str:
    return f"plain, {steps} steps"


def reflected(mode: Mode, steps: int) -> str:
    return f"{mode}, {steps} steps"


def ways(size: Size) -> tuple[dict[str, Way], dict[str, Role]]:
    """The pair is the embedded model and its weak partner's denoiser."""
    made: dict[str, Way] = {plain(n): Way(n, size.guidance) for n in size.plain}
    roles: dict[str, Role] = dict.fromkeys(made, "strong")
    for mode in MODES:
        for n in size.reflected:
            label = reflected(mode, n)
            made[label] = Way(n, size.guidance, partner=Partner(weights=True), mode=mode)
            roles[label] = ROLES[mode]
    return made, roles


def held(size: Size) -> list[Held]:
    """Made before anything was sampled; official makes two evaluations fewer than it could."""
    few = size.reflected[:3]
    claims = [
        Held(
            f"At {n} steps, {mode} gets more right than plain sampling for as many evaluations",
            reflected(mode, n),
            plain(TIMES[mode] * n),
        )
        for mode in MODES
        for n in few
    ]
    middle = size.reflected[min(2, len(size.reflected) - 1)]
    claims += [
        Held(
            f"and {mode} better outlines",
            reflected(mode, middle),
            plain(TIMES[mode] * middle),
            by="iou",
        )
        for mode in MODES
    ]
    longest, enough = plain(size.plain[-1]), plain(size.plain[len(size.plain) // 2])
    return [
        *claims,
        Held("More plain steps bring nothing from some point on", longest, enough, "within", LEVEL),
    ]


def run(seed: int, quick: bool) -> Result:
    size = QUICK if quick else FULL
    made, roles = ways(size)
    found = sampled("image", made, pairs("cost", size.pairs, seed), quick)
    return result(Outcomes(found, roles), size)


def result(outcomes: Outcomes, size: Size) -> Result:
    return Result(
        name="cost",
        title="Quality against cost",
        about=(
            "The paper's figure 13 on the embedded image model, whose weak partner is the same "
            "recipe with a fraction of its steps. Scenes of two things whose captions training "
            f"never saw, {size.pairs} of them; guidance {size.guidance:g}, gap 1, all steps. "
            "Evaluations count samples of a denoiser, two for a guided one; seconds are of one "
            "core and include text encoder and VAE. *All right* is number, colors, shapes and "
            "background, all of them; *outlines* is the overlap with the nearest picture of the "
            "scene that the world itself would draw."
        ),
        claims=[*outcomes.claims(held(size)), best_claim(outcomes, size)],
        tables=[
            outcomes.table(
                f"Means over {size.pairs} scenes; evaluations of the denoiser and seconds of one "
                "core, a still."
            )
        ],
        figure=[
            Row(
                title="By evaluations",
                panels=[_panel(outcomes, size, metric, False) for metric in DRAWN],
            ),
            Row(
                title="By seconds of one core",
                panels=[_panel(outcomes, size, metric, True) for metric in DRAWN],
            ),
        ],
        caption="What is all right and how well outlines fit against evaluations and against "
        "seconds, one curve for plain sampling and one for each mode",
        remarks=_remarks(outcomes, size),
    )


DRAWN: tuple[Metric, ...] = ("everything", "iou")


def curves(size: Size) -> dict[str, list[str]]:
    """Labels of each curve, the cheapest first."""
    return {"plain": [plain(n) for n in size.plain]} | {
        mode: [reflected(mode, n) for n in size.reflected] for mode in MODES
    }


def _panel(outcomes: Outcomes, size: Size, metric: Metric, timed: bool) -> Lines:
    lines = []
    for name, labels in curves(size).items():
        found = [outcomes.found[label] for label in labels]
        lines.append(
            Line(
                label=name,
                x=[one.seconds if timed else one.evaluations for one in found],
                y=[one.mean(metric) for one in found],
                role=outcomes.roles[labels[0]],
            )
        )
    return Lines(
        title=METRICS[metric],
        x="seconds a still" if timed else "denoiser evaluations a still",
        y=METRICS[metric],
        lines=lines,
    )


def best_claim(outcomes: Outcomes, size: Size) -> Claim:
    """The best of all ways, chosen on every other pair and measured on those between."""
    of = outcomes.found
    labels = curves(size)

    def chosen(candidates: list[str]) -> str:
        return max(candidates, key=lambda label: of[label].values["everything"][::2].mean())

    modes = [label for mode in MODES if mode != "extrapolate" for label in labels[mode]]
    a, b = chosen(modes), chosen(labels["plain"])
    gains = of[a].values["everything"][1::2] - of[b].values["everything"][1::2]
    return Claim(
        text="At any cost, the best reflection gets more right than the best plain sampling "
        "(chosen on half of the pairs)",
        row=f"{METRICS['everything']}: {a} − {b}",
        measured=Measured.of(gains.tolist()).model_copy(update={"values": []}),
        expected="above",
    )


def _remarks(outcomes: Outcomes, size: Size) -> list[str]:
    told = []
    for name, labels in curves(size).items():
        one = outcomes.found[outcomes.best("everything", labels)]
        told.append(f"{name} {one.mean('everything')} at {one.evaluations:g} evaluations")
    pace = {
        name: 1000 * sum(of.seconds for of in found) / sum(of.evaluations for of in found)
        for name, labels in curves(size).items()
        for found in [[outcomes.found[label] for label in labels]]
    }
    dear = max(pace, key=lambda name: pace[name])
    return [
        outcomes.corrected(held(size)),
        f"The best of each curve, chosen and told on the same pairs: {', '.join(told)}.",
        f"An evaluation takes {pace['plain']:.1f} ms plainly, text encoder and VAE included, and "
        f"at most {pace[dear]:.1f} ms in a mode ({dear}): seconds go with evaluations.",
    ]
