"""What to recommend: the best settings by kind of difference, and whether they are worth it.

They are looked for on the development split (``search.py``), all of them for as many evaluations,
and so is the guidance of the strong model alone. What is best is then judged, once, on a split
that nothing else looks at. Beside it, without a claim, are strong alone and extrapolation at the
guidance that the reflection has: is it the reflection, or only its guidance?
"""

from __future__ import annotations

from dataclasses import replace

from w2sd_video.shapes import Kind

from .. import corrected
from ..embedded.record import Record
from ..embedded.rendering import Wanted, as_dear
from ..measured import Measured, listed
from ..panels import BY_MODE, Dot, Dots, Row
from ..result import HOLDS, Claim, Hypothesis, Result, Table
from . import search as searched
from .columns import Column, Partner, plain_with
from .outcomes import Differences, Found, Test
from .pairs import captions, split_pairs
from .plan import METRICS, PRIMARY, Metric
from .sampler import Videos
from .search import Search, Searching
from .tables import NOTHING
from .working import NAMES, effort, say_cost, videos, with_clips

# How each kind of difference is set.
KINDS: dict[Partner, str] = {
    "weights": "weights",
    "guidance": "guidance (weak: 1)",
    "weights and guidance": "weights and guidance (weak: 1)",
    "still": "layers over time (weak: off)",
}


def run(kind: Kind, seed: int, quick: bool, recorded: Record | None = None) -> Result:
    """The recommendation for one kind of video model.

    Raises:
        InputError: if there are no weights of it, or clips would not go with the record's.
    """
    with videos(kind, quick, recorded) as rendering:
        found = result(kind, searched.QUICK if quick else searched.FULL, rendering, seed)
        return with_clips(found, kind, rendering, recorded)


def result(kind: Kind, search: Search, rendering: Videos, seed: int) -> Result:
    """Of one search."""
    dev = split_pairs("dev", search.plan.dev, seed)
    reserve = split_pairs("reserve", search.reserve, seed)
    _say(kind, search, rendering)
    searching = Searching(search, rendering, dev)
    best = searching.best()
    judged = [*best][: search.judged]
    columns: dict[str, Column] = {}
    for partner in judged:
        columns |= _beside(partner, best[partner], searching.strong)
    rendering.get(Wanted(column, reserve) for column in columns.values())
    found = {label: Found.of(rendering, column, reserve) for label, column in columns.items()}
    differences = Differences(found)
    claims = corrected.corrected(_claim(partner, differences) for partner in judged)
    return Result(
        name=f"settings-{kind}",
        title=f"Settings for the shapes {NAMES[kind]}",
        about=_about(search, searching.strong, len({*captions(reserve)})),
        claims=claims,
        tables=[
            _settings(searching, best, found),
            _differences(judged, differences),
            _means("On the reserve: means over pairs, ± 95 % by captions.", found),
            _means(
                "On the development pairs: the same of all that was tried.",
                {_label(one): Found.of(rendering, one, dev) for one in searching.tried},
            ),
        ],
        figure=[Row(title="", panels=[_panel(found, by) for by in (PRIMARY, "iou")])],
        caption="What is all right, and how well outlines fit, for the best settings of the best "
        "kind of difference, and for strong alone and extrapolation, at as many evaluations",
        remarks=[_verdict(best, claims), effort(rendering)],
    )


def _beside(partner: Partner, one: Column, strong: float) -> dict[str, Column]:
    """A kind's best settings, and all that they are held against, for as many evaluations."""
    more = replace(one, mode="extrapolate")
    columns = {
        _reflected(partner): one,
        _alone(partner): plain_with(one.evaluations, strong),
        _guided(partner): plain_with(one.evaluations, one.guidance),
        _extrapolated(partner): as_dear(lambda steps: replace(more, steps=steps), one.evaluations),
    }
    if one.guidance == strong:
        del columns[_guided(partner)]  # it is strong alone
    return columns


def _verdict(best: dict[Partner, Column], claims: list[Claim]) -> str:
    """What to recommend, in a sentence."""
    told = {
        f"{KINDS[partner]} ({_told(one)}): {claim.found}": claim.verdict == HOLDS
        for (partner, one), claim in zip(best.items(), claims, strict=False)  # the best are judged
    }
    won = [text for text, holds in told.items() if holds]
    against = (
        "the strong model alone, for as many evaluations and at the guidance that development chose"
    )
    if not won:
        return f"Not shown to beat {against}, in clips all right: {'; '.join(told)}."
    return f"Shown to beat {against}: {'; '.join(won)}."


def _told(one: Column) -> str:
    return (
        f"{one.mode}, {one.share:.0%} of {one.steps} steps, gap {one.gap:g}, "
        f"guidance {one.guidance:g}"
    )


def _claim(partner: Partner, differences: Differences) -> Claim:
    test = Test(_reflected(partner), _alone(partner), PRIMARY)
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


def _settings(searching: Searching, best: dict[Partner, Column], found: dict[str, Found]) -> Table:
    alone = searching.search.alone(searching.strong)
    return Table(
        note="The best settings on the development split, with what was all right there, and "
        "what the best kind and strong alone come to on the reserve.",
        columns=[
            "settings",
            "evaluations",
            "all right when chosen",
            "effective guidance",
            "all right",
            "strong alone",
        ],
        rows=[
            (
                "strong alone",
                [
                    f"{alone.steps} steps, guidance {alone.guidance:g}",
                    f"{alone.evaluations:g}",
                    f"{searching.right(alone):.3f}",
                    *[NOTHING] * 3,
                ],
            ),
            *(
                (
                    KINDS[partner],
                    [
                        _told(one),
                        f"{one.evaluations:g}",
                        f"{searching.right(one):.3f}",
                        *_on_reserve(partner, found),
                    ],
                )
                for partner, one in best.items()
            ),
        ],
    )


def _on_reserve(partner: Partner, found: dict[str, Found]) -> list[Measured | str]:
    if _reflected(partner) not in found:
        return [NOTHING] * 3
    reflected, strong = found[_reflected(partner)], found[_alone(partner)]
    means = [one.means()[PRIMARY] or NOTHING for one in (reflected, strong)]
    return [f"{reflected.guidance:.2f}", *means]


def _differences(judged: list[Partner], differences: Differences) -> Table:
    against = [(partner, other) for partner in judged for other in (_alone, _guided, _extrapolated)]
    tests = [(_reflected(partner), other(partner)) for partner, other in against]
    return Table(
        note="On the reserve, as differences of the reflected clips from others for as many "
        "evaluations; paired, ± 95 % by captions, without correction. The claim is of the first.",
        columns=[*METRICS.values()],
        rows=[
            (f"− {b}", [differences.of(Test(a, b, metric)) or NOTHING for metric in METRICS])
            for a, b in tests
            if b in differences.found
        ],
    )


def _means(note: str, found: dict[str, Found]) -> Table:
    return Table(
        note=note,
        columns=[*METRICS.values()],
        rows=[
            (label, [value or NOTHING for value in one.means().values()])
            for label, one in found.items()
        ],
    )


def _label(one: Column) -> str:
    """Of what was tried."""
    if one.partner is None:
        return f"strong alone: {one.steps} steps, guidance {one.guidance:g}"
    return f"{KINDS[one.partner]}: {_told(one)}"


def _panel(found: dict[str, Found], metric: Metric) -> Dots:
    return Dots(
        title=METRICS[metric],
        x=METRICS[metric],
        dots=[
            Dot(
                label=label,
                role="strong" if one.column.is_alone else BY_MODE[one.column.mode],
                value=value,
            )
            for label, one in found.items()
            if (value := one.means()[metric]) is not None
        ],
    )


def _about(search: Search, strong: float, known: int) -> str:
    plan = search.plan
    return (
        f"What is the best use of {search.evaluations} denoiser evaluations a clip? Everything "
        "takes as many, or the next more there are. For each kind of difference, "
        f"{plan.dev} development pairs choose among guidances {listed(search.guidances)} and "
        f"modes {', '.join(search.modes)}, on all steps at gap 1; then gaps {listed(search.gaps)}; "
        f"then shares of the steps {listed(plan.shares)}; so that as many clips as can be are all "
        f"right. Strong alone is at guidance {strong:g}, chosen on the same pairs. "
        f"The best {search.judged} of {len(search.partners)} kinds is judged once, on "
        f"{search.reserve} pairs, with {known} captions, of a split that nothing else looks at; "
        "captions are what intervals resample and tests turn round. Beside it, without a claim, "
        "are strong alone and extrapolation at the guidance of the reflection. A partner with its "
        "layers over time switched off is the strong model itself, whose frames do not see each "
        "other. Schedules of the gap were not tried: a reflection has one gap."
    )


def _say(kind: Kind, search: Search, rendering: Videos) -> None:
    """As if the first were chosen wherever something is."""
    plan = search.plan
    dev, reserve = ([*split_pairs("dev", n)] for n in (plan.dev, search.reserve))
    columns = {search.alone(guidance) for guidance in plan.start}
    for partner in search.partners:
        starts = search.starts(partner)
        columns |= {*starts, *search.gapped(starts[0]), *search.shared(starts[0])}
    say_cost(kind, "development", [Wanted(one, dev) for one in columns], rendering)
    judged = [
        column
        for partner in search.partners[: search.judged]
        for column in _beside(partner, search.starts(partner)[0], plan.start[0]).values()
    ]
    say_cost(kind, "reserve", [Wanted(one, reserve) for one in judged], rendering)


def _reflected(partner: Partner) -> str:
    return f"{KINDS[partner]}, reflected"


def _alone(partner: Partner) -> str:
    return f"strong at as many as {KINDS[partner]}"


def _guided(partner: Partner) -> str:
    return f"strong at as many as {KINDS[partner]}, and at its guidance"


def _extrapolated(partner: Partner) -> str:
    return f"{KINDS[partner]}, extrapolate"
