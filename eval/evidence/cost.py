"""Figure 13: what evaluations and seconds buy, plainly and in every mode."""

from __future__ import annotations

from typing import NamedTuple

from w2sd_video.core.reflection import MODES, Mode

from .panels import BY_MODE, Row
from .result import Claim, Result
from .stills.curves import Curves, panel, told
from .stills.outcomes import (
    DRAWN,
    METRICS,
    TOLD,
    Held,
    Outcomes,
    Ways,
    corrected,
    measured,
)
from .stills.prompts import pairs
from .stills.study import sampled
from .stills.ways import Partner, Way


class Size(NamedTuple):
    """``pairs`` of a caption and noise; steps of ``plain`` sampling and of every mode.

    Claims are about the ``judged`` ones of the latter. Three times and twice these are among
    the plain: as many evaluations. ``usual`` is the guidance that strong alone is best at.
    """

    pairs: int
    plain: tuple[int, ...]
    reflected: tuple[int, ...]
    judged: tuple[int, ...]
    usual: float = 2.5
    guidances: tuple[float, ...] = (2.5, 1.0)


FULL = Size(128, (5, 10, 15, 20, 30, 40, 60, 80, 120), (5, 10, 20, 40), (5, 20))
QUICK = Size(2, (2, 4, 6), (2,), (2,))
TIMES: dict[Mode, int] = dict.fromkeys(MODES, 3) | {"cached": 2, "extrapolate": 2}
NONE = 0.05  # a difference that is called none


def plain(steps: int) -> str:
    return f"plain, {steps} steps"


def reflected(mode: Mode, steps: int) -> str:
    return f"{mode}, {steps} steps"


def guided(size: Size, steps: int) -> str:
    return f"plain at guidance {size.usual:g}, {steps} steps"


def ways(size: Size, guidance: float) -> Ways:
    """The pair is the embedded model and its weak partner's denoiser."""
    made: Ways = {plain(n): (Way(n, guidance), "strong") for n in size.plain}
    if guidance != size.usual:
        made |= {guided(size, n): (Way(n, size.usual), "other") for n in size.plain}
    for mode in MODES:
        for n in size.reflected:
            way = Way(n, guidance, partner=Partner(weights=True), mode=mode)
            made[reflected(mode, n)] = way, BY_MODE[mode]
    return made


def held(size: Size) -> list[Held]:
    """Made before anything was sampled."""
    claims = [
        Held(
            f"At {n} steps, {mode} gets more right than plain sampling for as many evaluations",
            reflected(mode, n),
            plain(TIMES[mode] * n),
        )
        for mode in MODES
        for n in size.judged
    ]
    last = size.judged[-1]
    claims += [
        Held(f"and {mode} better outlines", reflected(mode, last), plain(TIMES[mode] * last),
             by="iou")
        for mode in MODES
    ]  # fmt: skip
    longest, enough = plain(size.plain[-1]), plain(size.plain[len(size.plain) // 2])
    return [
        *claims,
        Held("More plain steps bring nothing from some point on", longest, enough, "within", NONE),
    ]


def instead(size: Size) -> list[Held]:
    """Of a guidance below the usual one, added after a look at other pairs: a guided step costs
    two evaluations, so plain sampling gets half of the steps."""
    return [
        Held(
            f"Reflection in place of guidance: {mode} gets more right than plain sampling at the "
            "usual guidance for as many evaluations",
            reflected(mode, n),
            guided(size, TIMES[mode] * n // 2),
        )
        for mode in MODES
        for n in size.judged
        if TIMES[mode] * n // 2 in size.plain and TIMES[mode] * n % 2 == 0
    ]


def all_held(outcomes: Outcomes, size: Size) -> list[Held]:
    more = instead(size) if guided(size, size.plain[0]) in outcomes.found else []
    return [*held(size), *more]


def run(seed: int, quick: bool) -> Result:
    size = QUICK if quick else FULL
    made = {f"guidance {scale:g}": ways(size, scale) for scale in size.guidances}
    return result(sampled("image", made, pairs("cost", size.pairs, seed), quick), size)


def result(made: list[Outcomes], size: Size) -> Result:
    claims = [(outcomes, all_held(outcomes, size)) for outcomes in made]
    return Result(
        name="cost",
        title="Quality against cost",
        about=(
            "The paper's figure 13 on the embedded image model, whose weak partner is the same "
            "recipe with a fraction of its steps. Scenes of two things whose captions training "
            f"never saw, {size.pairs} of them; gap 1, all steps. Evaluations count samples of a "
            "denoiser, two for a guided one; seconds are of one core and include text encoder "
            f"and VAE. {TOLD} Guidance 1 was added after a look at other pairs."
        ),
        claims=[
            claim
            for outcomes, held_there in claims
            for claim in (*outcomes.claims(held_there), best_claim(outcomes, size))
        ],
        tables=[outcomes.table() for outcomes in made],
        figure=[
            Row(
                title=f"{outcomes.title}, by {'seconds of one core' if timed else 'evaluations'}",
                panels=[panel(outcomes, curves(outcomes, size), metric, timed) for metric in DRAWN],
            )
            for outcomes in made
            for timed in (False, True)
        ],
        caption="What is all right and how well outlines fit against evaluations and against "
        "seconds, one curve for plain sampling and one for each mode",
        remarks=[
            corrected(claims),
            *(one for outcomes in made for one in told(outcomes, curves(outcomes, size))),
        ],
    )


def curves(outcomes: Outcomes, size: Size) -> Curves:
    made = {"plain": [plain(n) for n in size.plain]}
    made[f"plain, guidance {size.usual:g}"] = [guided(size, n) for n in size.plain]
    made |= {mode: [reflected(mode, n) for n in size.reflected] for mode in MODES}
    return {name: labels for name, labels in made.items() if labels[0] in outcomes.found}


def best_claim(outcomes: Outcomes, size: Size) -> Claim:
    """The best of all ways, chosen on every other pair and measured on those between."""
    right = {label: one.values["everything"] for label, one in outcomes.found.items()}

    def chosen(labels: list[str]) -> str:
        return max(labels, key=lambda label: right[label][::2].mean())

    modes = [mode for mode in MODES if mode != "extrapolate"]
    a = chosen([reflected(mode, n) for mode in modes for n in size.reflected])
    b = chosen([label for label in right if label.startswith("plain")])
    return Claim(
        text="At any cost, the best reflection gets more right than the best plain sampling "
        "(chosen on half of the pairs)",
        row=f"{outcomes.where}, {METRICS['everything']}: {a} − {b}",
        measured=measured(right[a][1::2] - right[b][1::2]),
        expected="above",
    )
