"""Figure 13: what evaluations and seconds buy, plainly and in every mode."""

from __future__ import annotations

from typing import NamedTuple

from w2sd_video.core.reflection import MODES, Mode

from .. import corrected
from ..embedded.clips import with_clips
from ..embedded.record import Record
from ..panels import BY_MODE, Row
from ..result import Claim, Result
from ..stills.curves import Curves, panel, told
from ..stills.outcomes import DRAWN, TOLD, Held, Metric, Outcomes, Ways, effort
from ..stills.prompts import DEVELOPMENT, pairs
from ..stills.sampling import sampled, stills
from ..stills.ways import Partner, Way, plain_with


class Size(NamedTuple):
    """``pairs`` of a caption and noise, and ``dev`` others that choose; steps of ``plain``
    sampling, at all of its ``alone`` guidances, and of every mode, at each of ``guidances``.

    Claims are about the ``judged`` ones of the latter. All ways are timed in ``rounds``.
    """

    pairs: int
    dev: int
    plain: tuple[int, ...]
    reflected: tuple[int, ...]
    judged: tuple[int, ...]
    rounds: int
    alone: tuple[float, ...] = (1.0, 2.5, 4.0)
    guidances: tuple[float, ...] = (2.5, 1.0)


FULL = Size(128, 48, (5, 10, 15, 20, 30, 40, 60, 80), (5, 10, 20), (5, 20), rounds=3)
QUICK = Size(2, 2, (2, 4, 6), (2,), (2,), rounds=1)
NONE = 0.05  # a difference that is called none


def plain(guidance: float, steps: int) -> str:
    return f"plain at guidance {guidance:g}, {steps} steps"


def reflected(mode: Mode, steps: int) -> str:
    return f"{mode}, {steps} steps"


def reflection(mode: Mode, steps: int, guidance: float) -> Way:
    """The pair is the embedded model and its weak partner's denoiser."""
    return Way(steps, guidance, partner=Partner(weights=True), mode=mode)


def as_dear_as(mode: Mode, steps: int, guidance: float, alone: float) -> Way:
    """Plain sampling at guidance ``alone``, for as many evaluations."""
    return plain_with(reflection(mode, steps, guidance).evaluations, alone)


def ways(size: Size, guidance: float) -> Ways:
    made: Ways = {}
    for alone in size.alone:
        dear = [as_dear_as(m, n, guidance, alone).steps for m in MODES for n in size.judged]
        for n in sorted({*size.plain, *dear}):
            made[plain(alone, n)] = Way(n, alone), "strong" if alone == guidance else "other"
    for mode in MODES:
        for n in size.reflected:
            made[reflected(mode, n)] = reflection(mode, n, guidance), BY_MODE[mode]
    return made


class Chosen(NamedTuple):
    """On the development pairs: the guidance that plain sampling gets most right with for as
    many evaluations as reflections, and the best of all plain ways and of all reflections."""

    guidance: float
    plain: str
    reflected: str


def choose(dev: Outcomes, size: Size, guidance: float) -> Chosen:
    def right(label: str) -> float:
        return float(dev.found[label].values["everything"].mean())

    def for_as_many(alone: float) -> float:
        dear = [as_dear_as(m, n, guidance, alone).steps for m in MODES for n in size.judged]
        return sum(right(plain(alone, steps)) for steps in dear)

    modes = [mode for mode in MODES if mode != "extrapolate"]
    return Chosen(
        max(size.alone, key=for_as_many),
        max((label for label, one in dev.found.items() if not one.way.partner), key=right),
        max((reflected(mode, n) for mode in modes for n in size.reflected), key=right),
    )


def held(size: Size, guidance: float, chosen: Chosen) -> list[Held]:
    """Made before anything was sampled, but for what development pairs chose."""

    def more(text: str, mode: Mode, n: int, alone: float, by: Metric = "everything") -> Held:
        dear = as_dear_as(mode, n, guidance, alone).steps
        return Held(text, reflected(mode, n), plain(alone, dear), by=by)

    gains = [
        more(f"At {n} steps, {mode} gets more right than plain sampling for as many evaluations",
             mode, n, guidance)
        for mode in MODES
        for n in size.judged
    ]  # fmt: skip
    # Also of what is better for plain sampling. A guided step costs two evaluations.
    best = [
        more(f"At {n} steps, {mode} gets more right than plain sampling at its best guidance for "
             "as many evaluations", mode, n, chosen.guidance)
        for mode in MODES
        for n in size.judged
        if chosen.guidance != guidance
    ]  # fmt: skip
    outlines = [
        more(f"and {mode} better outlines", mode, size.judged[-1], guidance, "iou")
        for mode in MODES
    ]
    longest, enough = (
        plain(guidance, n) for n in (size.plain[-1], size.plain[len(size.plain) // 2])
    )
    return [
        *gains,
        *outlines,
        Held("More plain steps bring nothing from some point on", longest, enough, "within", NONE),
        *best,
        Held("At any cost, the best reflection gets more right than the best plain sampling, both "
             "chosen on other pairs", chosen.reflected, chosen.plain),
    ]  # fmt: skip


def run(seed: int, quick: bool, recorded: Record | None = None) -> Result:
    size = QUICK if quick else FULL
    made = {f"guidance {scale:g}": ways(size, scale) for scale in size.guidances}
    with stills("image", quick, recorded) as rendering:
        dev = sampled(rendering, made, pairs(DEVELOPMENT, size.dev, seed))
        found = sampled(rendering, made, pairs("cost", size.pairs, seed), size.rounds)
        return with_clips(result(found, dev, size), "image", rendering, recorded)


def result(made: list[Outcomes], dev: list[Outcomes], size: Size) -> Result:
    by_guidance = [*zip(size.guidances, made, dev, strict=True)]
    chosen = [choose(on, size, guidance) for guidance, _, on in by_guidance]
    claims: list[Claim] = corrected.corrected(
        claim
        for (guidance, outcomes, _), best in zip(by_guidance, chosen, strict=True)
        for claim in outcomes.claims(held(size, guidance, best))
    )
    return Result(
        name="cost",
        title="Quality against cost",
        about=(
            "The paper's figure 13 on the embedded image model, whose weak partner is the same "
            "recipe with a fraction of its steps. Scenes of two things whose captions training "
            f"never saw, {made[0].about_pairs}; gap 1, all steps. Plain sampling has guidance of "
            f"its own, {', '.join(f'{alone:g}' for alone in size.alone)}; the best of it is chosen "
            f"on {size.dev} other pairs, as are the best plain and the best reflected way of all. "
            "Evaluations count samples of a denoiser, two for a guided one. Seconds are of one "
            "core and include text encoder and VAE; all ways took turns in "
            f"{size.rounds} rounds, and the median counts. {TOLD} Guidance 1 was added after a "
            "look at other pairs."
        ),
        claims=claims,
        tables=[outcomes.table() for outcomes in made],
        figure=[
            Row(
                title=f"{outcomes.title}, by {'seconds of one core' if timed else 'evaluations'}",
                panels=[panel(outcomes, curves(size), metric, timed) for metric in DRAWN],
            )
            for outcomes in made
            for timed in (False, True)
        ],
        caption="What is all right and how well outlines fit against evaluations and against "
        "seconds, a curve for each guidance of plain sampling and one for each mode",
        remarks=[
            corrected.told(claims),
            *(
                f"{outcomes.title}: on development, plain sampling is best at guidance "
                f"{best.guidance:g} for as many evaluations; of all, {best.plain} and "
                f"{best.reflected} are."
                for outcomes, best in zip(made, chosen, strict=True)
            ),
            *(told(outcomes, curves(size)) for outcomes in made),
            effort([*dev, *made]),
        ],
    )


def curves(size: Size) -> Curves:
    made = {f"plain, guidance {g:g}": [plain(g, n) for n in size.plain] for g in size.alone}
    return made | {mode: [reflected(mode, n) for n in size.reflected] for mode in MODES}
