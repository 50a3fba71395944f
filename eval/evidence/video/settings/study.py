"""What to recommend: the best settings by kind of difference, and whether they are worth it.

They are looked for on the development split (``search.py``), all of them for as many evaluations,
and so is the guidance of the strong model alone. What is best is then judged, once, on a split
that nothing else looks at. Beside it, without a claim, are strong alone and extrapolation at the
guidance that the reflection has: is it the reflection, or only its guidance?
"""

from __future__ import annotations

from w2sd_video.shapes import Kind

from ... import corrected
from ...embedded.clips import with_clips
from ...embedded.record import Record
from ...embedded.rendering import Wanted
from ...panels import Row
from ...result import HOLDS, Claim, Hypothesis, Result
from ...wording import listed
from ..clips import NAMES, effort, say_cost, videos
from ..columns import Column, Partner
from ..metrics import METRICS, PRIMARY
from ..outcomes import Differences, Found, Test
from ..pairs import Pair, captions, split_pairs
from ..sampler import Videos
from . import search as searched
from . import tables
from .arms import KINDS, alone, arms, label, reflected, told
from .search import Search, Searching


def run(kind: Kind, seed: int, quick: bool, recorded: Record | None = None) -> Result:
    """The recommendation for one kind of video model.

    Raises:
        InputError: if there are no weights of it, or clips would not go with the record's.
    """
    with videos(kind, quick, recorded) as rendering:
        found = result(kind, searched.QUICK if quick else searched.FULL[kind], rendering, seed)
        return with_clips(found, kind, rendering, recorded)


def result(kind: Kind, search: Search, rendering: Videos, seed: int) -> Result:
    """Of one search."""
    dev = split_pairs("dev", search.plan.dev, seed)
    reserve = split_pairs("reserve", search.reserve, seed)
    _say(kind, search, rendering, dev, reserve)
    searching = Searching(search, rendering, dev)
    best = searching.best()
    judged = {
        partner: arms(partner, column, searching.strong, search.beside)
        for partner, column in [*best.items()][: search.judged]
    }
    columns = {name: column for own in judged.values() for name, column in own.items()}
    rendering.get(Wanted(column, reserve) for column in columns.values())
    found = {name: Found.of(rendering, column, reserve) for name, column in columns.items()}
    differences = Differences(found)
    claims = corrected.corrected(_claim(partner, differences) for partner in judged)
    return Result(
        name=f"settings-{kind}",
        title=f"Settings for the shapes {NAMES[kind]}",
        about=_about(search, searching.strong, len({*captions(reserve)})),
        claims=claims,
        tables=[
            tables.chosen(searching, best, found),
            tables.against(judged, differences),
            tables.means("On the reserve: means over pairs, ± 95 % by captions.", found),
            tables.means(
                "On the development pairs: the same of all that was tried.",
                {label(one): Found.of(rendering, one, dev) for one in searching.tried},
            ),
        ],
        figure=[Row(title="", panels=[tables.panel(found, by) for by in (PRIMARY, "iou")])],
        caption="What is all right, and how well outlines fit, for the best settings of the best "
        "kind of difference, and for strong alone and extrapolation, at as many evaluations",
        remarks=[
            _verdict(best, claims),
            *(
                _beside(partner, other, differences)
                for partner, own in judged.items()
                for other in own
                if other not in (reflected(partner), alone(partner))
            ),
            effort(rendering),
        ],
    )


def _verdict(best: dict[Partner, Column], claims: list[Claim]) -> str:
    """What to recommend, in a sentence."""
    verdicts = {
        f"{KINDS[partner]} ({told(one)}): {claim.found}": claim.verdict == HOLDS
        for (partner, one), claim in zip(best.items(), claims, strict=False)  # the best are judged
    }
    won = [text for text, holds in verdicts.items() if holds]
    against = (
        "the strong model alone, for as many evaluations and at the guidance that development chose"
    )
    if not won:
        return f"Not shown to beat {against}, in clips all right: {'; '.join(verdicts)}."
    return f"Shown to beat {against}: {'; '.join(won)}."


def _beside(partner: Partner, other: str, differences: Differences) -> str:
    """Of an arm that has no claim, lest the verdict be read as of all that there is."""
    test = Test(reflected(partner), other, PRIMARY)
    return f"Without a claim: {METRICS[PRIMARY]}: {test.a} − {test.b}: {differences.of(test)}."


def _claim(partner: Partner, differences: Differences) -> Claim:
    test = Test(reflected(partner), alone(partner), PRIMARY)
    difference = differences.of(test)
    assert difference is not None  # every clip is all right or is not
    held = Hypothesis(
        f"A difference in {KINDS[partner]} gets more clips all right than as many evaluations of "
        "strong, at the settings that development chose for each",
        test.a,
        test.b,
    )
    row = f"{METRICS[PRIMARY]}: {test.a} − {test.b}"
    return held.claim(row, difference, lambda bound: differences.p(test, bound))


def _about(search: Search, strong: float, known: int) -> str:
    plan = search.plan
    return (
        f"What is the best use of {search.evaluations} denoiser evaluations a clip? Everything "
        "takes as many, or the next more there are. For each kind of difference, "
        f"{plan.dev} development pairs choose among guidances {listed(search.guidances)} and "
        f"{_modes(search)}, on all steps at gap {search.gap:g}; then gaps {listed(search.gaps)}; "
        f"then shares of the steps {listed(plan.shares)}; so that as many clips as can be are all "
        f"right. Strong alone is at guidance {strong:g}, chosen on the same pairs. "
        f"{_judged(search)} is judged once, on "
        f"{search.reserve} pairs, with {known} captions, of a split that nothing else looks at; "
        "captions are what intervals resample and tests turn round. Beside it, without a claim, "
        "are strong alone and extrapolation at the guidance of the reflection"
        f"{f', and strong alone at guidance {listed(search.beside)}' if search.beside else ''}. "
        f"{_still(search)}"
        "Schedules of the gap were not tried: a reflection has one gap."
    )


def _modes(search: Search) -> str:
    if len(search.modes) == 1:
        return f"the mode {search.modes[0]}"
    return f"modes {', '.join(search.modes)}"


def _judged(search: Search) -> str:
    if len(search.partners) == 1:
        return f"A difference in {KINDS[search.partners[0]]} was all that was tried; what is best"
    return f"The best {search.judged} of {len(search.partners)} kinds"


def _still(search: Search) -> str:
    if "still" not in search.partners:
        return ""
    return (
        "A partner with its layers over time switched off is the strong model itself, whose frames "
        "do not see each other. "
    )


def _say(
    kind: Kind, search: Search, rendering: Videos, dev: list[Pair], reserve: list[Pair]
) -> None:
    """As if the first were chosen wherever something is."""
    start = search.plan.start
    columns = {search.alone(guidance) for guidance in start}
    for partner in search.partners:
        starts = search.starts(partner)
        columns |= {*starts, *search.gapped(starts[0]), *search.shared(starts[0])}
    say_cost(kind, "development", [Wanted(one, dev) for one in columns], rendering)
    judged = [
        column
        for partner in search.partners[: search.judged]
        for column in arms(partner, search.starts(partner)[0], start[0], search.beside).values()
    ]
    say_cost(kind, "reserve", [Wanted(one, reserve) for one in judged], rendering)
