"""What to recommend for stills: the best settings for a number of evaluations, judged once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from w2sd_video.core.reflection import MODES, Mode

from . import corrected
from .embedded.rendering import as_dear
from .embedded.store import Pair
from .measured import Measured
from .panels import Row
from .result import HOLDS, Claim, Result, Table
from .stills.outcomes import DRAWN, TOLD, Held, Outcomes, Ways
from .stills.prompts import pairs
from .stills.study import sampled
from .stills.ways import Partner, Way


class Size(NamedTuple):
    """``evaluations`` of a still, of which each way takes as many, or the next more there are.

    ``dev`` pairs choose among guidances for plain sampling (``alone``), and for reflection and
    extrapolation among ``guidances``, ``gaps`` and ``shares`` of the steps; ``pairs`` judge.
    """

    evaluations: int
    dev: int
    pairs: int
    alone: tuple[float, ...] = (1.5, 2.0, 2.5, 3.0, 4.0)
    guidances: tuple[float, ...] = (1.0, 1.5, 2.0, 2.5)
    gaps: tuple[float, ...] = (0.5, 1.0, 1.5, 2.0)
    shares: tuple[float, ...] = (0.25, 0.5, 1.0)


FULL = Size(60, 128, 768)
QUICK = Size(6, 2, 2, alone=(2.5,), guidances=(1.0,), gaps=(1.0,), shares=(1.0,))
REFLECTING: tuple[Mode, ...] = tuple(m for m in MODES if m not in ("extrapolate", "official"))

PLAIN, UNGUIDED = "plain, best guidance", "plain, no guidance"
REFLECTED, EXTRAPOLATED = "reflected, best settings", "extrapolate, best settings"
USUAL = "exact, gap 1, all steps, plain's best guidance"

# Made before anything was sampled for it; ``cost`` and ``addition``, on other pairs, were known.
HELD = (
    Held("The best reflection gets more right than plain sampling at its best guidance, for as "
         "many evaluations", REFLECTED, PLAIN),
    Held("and better outlines", REFLECTED, PLAIN, by="iou"),
    Held("It gets more right than extrapolation at its best settings", REFLECTED, EXTRAPOLATED),
    Held("Extrapolation at its best settings gets more right than plain sampling at its best "
         "guidance", EXTRAPOLATED, PLAIN),
    Held("The best reflection makes up for guidance, and more", REFLECTED, UNGUIDED),
    Held("At the guidance that is best for plain sampling, reflection at gap 1 gets more right",
         USUAL, PLAIN),
)  # fmt: skip


def plain(guidance: float, size: Size) -> Way:
    return within(Way(1, guidance), size)


def reflection(mode: Mode, guidance: float, size: Size) -> Way:
    return within(Way(1, guidance, partner=Partner(weights=True), mode=mode), size)


def within(way: Way, size: Size) -> Way:
    """With as many steps as the evaluations allow, or one more."""
    return as_dear(lambda steps: replace(way, steps=steps), size.evaluations)


class Choosing:
    """Setting by setting: guidance and mode, then gap, then the share of the steps.

    Attributes:
        tried: on the development pairs, what each way gets all right, and its outlines.
    """

    def __init__(self, size: Size, dev: list[Pair], quick: bool) -> None:
        self.size, self._dev, self._quick = size, dev, quick
        self.tried: dict[Way, tuple[float, float]] = {}

    def best(self) -> dict[str, Way]:
        size = self.size
        found = self._best_of(
            {
                PLAIN: [plain(guidance, size) for guidance in size.alone],
                REFLECTED: [reflection(m, g, size) for m in REFLECTING for g in size.guidances],
                EXTRAPOLATED: [reflection("extrapolate", g, size) for g in size.guidances],
            }
        )
        alone = found.pop(PLAIN)
        found = self._best_of(
            {name: [replace(way, gap=gap) for gap in size.gaps] for name, way in found.items()}
        )
        found = self._best_of(
            {
                name: [within(replace(way, share=share), size) for share in size.shares]
                for name, way in found.items()
            }
        )
        return {PLAIN: alone, **found}

    def _best_of(self, families: dict[str, list[Way]]) -> dict[str, Way]:
        new = {way for family in families.values() for way in family} - {*self.tried}
        ways: Ways = {told(way): (way, "other") for way in sorted(new, key=told)}
        [outcomes] = sampled("image", {"development": ways}, self._dev, self._quick)
        for one in outcomes.found.values():
            right, outlines = (one.mean(metric).mean for metric in DRAWN)
            self.tried[one.way] = right, outlines
        return {
            name: max(family, key=lambda way: self.tried[way]) for name, family in families.items()
        }


def told(way: Way) -> str:
    """Its settings, in words."""
    if way.partner is None:
        return f"plain, guidance {way.guidance:g}, {way.steps} steps"
    return (
        f"{way.mode}, guidance {way.guidance:g}, gap {way.gap:g}, {way.share:.0%} of "
        f"{way.steps} steps"
    )


def run(seed: int, quick: bool) -> Result:
    size = QUICK if quick else FULL
    dev = pairs("settings, development", size.dev, seed)
    choosing = Choosing(size, dev, quick)
    chosen = choosing.best()
    [judged] = sampled("image", {"judged": ways(chosen, size)}, _others(dev, size, seed), quick)
    return result(judged, chosen, choosing.tried, size)


def ways(chosen: dict[str, Way], size: Size) -> Ways:
    """Those that are judged."""
    usual = reflection("exact", chosen[PLAIN].guidance, size)
    return {
        UNGUIDED: (plain(1.0, size), "strong"),
        PLAIN: (chosen[PLAIN], "strong"),
        EXTRAPOLATED: (chosen[EXTRAPOLATED], "baseline"),
        REFLECTED: (chosen[REFLECTED], "reflected"),
        USUAL: (usual, "reflected"),
    }


def _others(dev: list[Pair], size: Size, seed: int) -> list[Pair]:
    """Pairs that share no caption with those that chose."""
    known = {scene.caption for scene, _ in dev}
    drawn = pairs("settings", size.pairs + 4 * size.dev, seed)
    return [pair for pair in drawn if pair[0].caption not in known][: size.pairs]


def result(
    judged: Outcomes, chosen: dict[str, Way], tried: dict[Way, tuple[float, float]], size: Size
) -> Result:
    claims = corrected.corrected(judged.claims(HELD))
    return Result(
        name="settings-image",
        title="Settings for the embedded image model",
        about=(
            f"What is the best use of {size.evaluations} denoiser evaluations a still? Each way "
            "takes as many, or the next more there are. The weak partner is the same recipe with "
            "a fraction of its steps. Scenes of two things whose captions training never saw. On "
            f"{size.dev} development pairs plain sampling chose among guidances "
            f"{_listed(size.alone)}; reflection among guidances {_listed(size.guidances)} and "
            f"modes {', '.join(REFLECTING)}, then gaps {_listed(size.gaps)}, then shares of the "
            f"steps {_listed(size.shares)}; extrapolation likewise. What was best was then judged "
            f"once, on {judged.about_pairs}, of which the development pairs have none. {TOLD}"
        ),
        claims=claims,
        tables=[_settings(chosen, tried), judged.table()],
        figure=[Row(title="", panels=[judged.dots(metric, PLAIN) for metric in DRAWN])],
        caption="What is all right and how well outlines fit for as many evaluations: plain "
        "sampling without guidance and at its best, extrapolation and reflection at their best "
        "settings, and reflection at the guidance that is best for plain sampling",
        remarks=[corrected.told(claims), _verdict(claims[0], chosen), _runners_up(tried)],
    )


def _verdict(primary: Claim, chosen: dict[str, Way]) -> str:
    settings = f"{told(chosen[REFLECTED])}, against {told(chosen[PLAIN])}: {primary.found}"
    if primary.verdict == HOLDS:
        return f"Shown to beat plain sampling at its best guidance: {settings}."
    return f"Not shown to beat plain sampling at its best guidance: {settings}."


def _runners_up(tried: dict[Way, tuple[float, float]], most: int = 6) -> str:
    best = sorted(tried, key=lambda way: tried[way], reverse=True)[:most]
    listed = "; ".join(f"{told(way)} {tried[way][0]:.3f}" for way in best)
    return f"On the development pairs, most all right first: {listed}."


def _settings(chosen: dict[str, Way], tried: dict[Way, tuple[float, float]]) -> Table:
    rows: list[tuple[str, list[Measured | str]]] = [
        (name, [told(way), f"{way.evaluations}", *(f"{value:.3f}" for value in tried[way])])
        for name, way in chosen.items()
    ]
    return Table(
        note="What the development pairs chose, and what it got there.",
        columns=["settings", "evaluations", "all right", "outlines"],
        rows=rows,
    )


def _listed(values: Iterable[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)
