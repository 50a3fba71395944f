"""What to recommend: the best settings by kind of difference, and whether they are worth it.

They are looked for on the development split (``search.py``). What counts is how many more clips
are all right than with the strong model alone at as many evaluations and at its best guidance.
What is furthest ahead is then judged, once, on a split that nothing else looks at.
"""

from __future__ import annotations

from dataclasses import replace

from w2sd_video.shapes import Kind

from .. import corrected
from ..embedded.rendering import Wanted
from ..measured import Measured, listed
from ..panels import Dot, Dots, Row
from ..result import HOLDS, Claim, Hypothesis, Result, Table
from . import plan as planned
from . import search as searched
from .columns import Partner, plain_with
from .outcomes import Differences, Found, Test
from .pairs import captions, split_pairs
from .plan import METRICS, PRIMARY, Metric
from .sampler import Videos
from .search import Best, Search, Searching
from .tables import NOTHING
from .working import NAMES, effort, say_cost, videos

# How each kind of difference is set.
KINDS: dict[Partner, str] = {
    "weights": "weights",
    "guidance": "guidance (weak: 1)",
    "weights and guidance": "weights and guidance (weak: 1)",
    "still": "layers over time (weak: off)",
}


def run(kind: Kind, seed: int, quick: bool) -> Result:
    """The recommendation for one kind of video model.

    Raises:
        InputError: if there are no weights of it.
    """
    with videos(kind, quick) as rendering:
        return result(kind, searched.QUICK if quick else searched.FULL, rendering, seed)


def result(kind: Kind, search: Search, rendering: Videos, seed: int) -> Result:
    """Of one search."""
    dev = split_pairs("dev", search.plan.dev, seed)
    reserve = split_pairs("reserve", search.reserve, seed)
    _say(search, rendering)
    searching = Searching(search, rendering, dev)
    best = searching.best()
    judged = dict(
        sorted(best.items(), key=lambda item: item[1].ahead, reverse=True)[: search.judged]
    )
    columns = {
        label: column
        for partner, one in judged.items()
        for label, column in ((_reflected(partner), one.reflected), (_alone(partner), one.alone))
    }
    rendering.get(Wanted(column, reserve) for column in columns.values())
    found = {label: Found.of(rendering, column, reserve) for label, column in columns.items()}
    differences = Differences(found)
    claims = corrected.corrected(_claim(partner, differences) for partner in judged)
    return Result(
        name=f"settings-{kind}",
        title=f"Settings for the shapes {NAMES[kind]}",
        about=_about(search, searching.strong, len({*captions(reserve)})),
        claims=claims,
        tables=[_settings(best, found), _differences(judged, differences)],
        figure=[Row(title="", panels=[_panel(judged, found, by) for by in (PRIMARY, "jitter")])],
        caption="What is right, and jitter, for strong alone and for the best settings of the "
        "kind of difference furthest ahead, in pairs that take as many evaluations",
        remarks=[_verdict(judged, claims), effort(rendering)],
    )


def _verdict(judged: dict[Partner, Best], claims: list[Claim]) -> str:
    """What to recommend, in a sentence."""
    told = {
        partner: f"{KINDS[partner]} ({_told(one)}): {claim.found}"
        for (partner, one), claim in zip(judged.items(), claims, strict=True)
    }
    won = [
        told[partner]
        for partner, claim in zip(judged, claims, strict=True)
        if claim.verdict == HOLDS
    ]
    against = "the strong model alone, at as many evaluations and at its best guidance"
    if not won:
        return f"None was shown to beat {against}, in clips all right: {'; '.join(told.values())}."
    return f"Shown to beat {against}: {'; '.join(won)}."


def _told(best: Best) -> str:
    one = best.reflected
    return f"{one.mode}, {one.share:.0%} of the steps, gap {one.gap:g}, guidance {one.guidance:g}"


def _claim(partner: Partner, differences: Differences) -> Claim:
    test = Test(_reflected(partner), _alone(partner), PRIMARY)
    difference = differences.of(test)
    assert difference is not None  # every clip is all right or is not
    held = Hypothesis(
        f"A difference in {KINDS[partner]} gets more clips all right than as many evaluations of "
        "strong at its best guidance",
        test.a,
        test.b,
    )
    row = f"{METRICS[PRIMARY]}: {test.a} − {test.b}"
    return held.claim(row, difference, lambda bound: differences.p(test, bound))


def _settings(best: dict[Partner, Best], found: dict[str, Found]) -> Table:
    return Table(
        note="The best settings on the development split, with what they were ahead by there, and "
        "what the one furthest ahead and strong alone come to on the reserve.",
        columns=[
            "settings",
            "evaluations",
            "ahead when chosen",
            "effective guidance",
            "all right",
            "strong alone",
        ],
        rows=[
            (
                KINDS[partner],
                [
                    _told(one),
                    f"{one.reflected.evaluations:g}",
                    f"{one.ahead[0]:+.3f}".replace("-", "−"),
                    *_on_reserve(partner, found),
                ],
            )
            for partner, one in best.items()
        ],
    )


def _on_reserve(partner: Partner, found: dict[str, Found]) -> list[Measured | str]:
    if _reflected(partner) not in found:
        return [NOTHING] * 3
    reflected, strong = found[_reflected(partner)], found[_alone(partner)]
    means = [one.means()[PRIMARY] or NOTHING for one in (reflected, strong)]
    return [f"{reflected.guidance:.2f}", *means]


def _differences(judged: dict[Partner, Best], differences: Differences) -> Table:
    def cell(partner: Partner, metric: Metric) -> Measured | str:
        return differences.of(Test(_reflected(partner), _alone(partner), metric)) or NOTHING

    return Table(
        note="The same settings on the reserve, as differences from strong alone; paired, ± 95 % "
        "by captions, without correction.",
        columns=[*METRICS.values()],
        rows=[
            (KINDS[partner], [cell(partner, metric) for metric in METRICS]) for partner in judged
        ],
    )


def _panel(judged: dict[Partner, Best], found: dict[str, Found], metric: Metric) -> Dots:
    values = [
        (label, found[label].means()[metric])
        for partner in judged
        for label in (_alone(partner), _reflected(partner))
    ]
    return Dots(
        title=METRICS[metric],
        x=METRICS[metric],
        dots=[
            Dot(
                label=label,
                role="strong" if found[label].column.partner is None else "reflected",
                value=value,
            )
            for label, value in values
            if value is not None
        ],
    )


def _about(search: Search, strong: float, known: int) -> str:
    plan = search.plan
    return (
        f"For each kind of difference, {plan.dev} development pairs choose guidance, share of the "
        f"steps ({listed(plan.shares)}), mode ({', '.join(search.modes)}) and gap "
        f"({listed(search.gaps)}), one after the other. What counts is how "
        "many more clips are all right than with strong alone at as many evaluations and at its "
        f"best guidance, {strong:g}. What is furthest ahead ({search.judged} of "
        f"{len(search.partners)} kinds) is judged once, on "
        f"{search.reserve} pairs, with {known} captions, of a split that nothing else looks at; "
        "captions are what intervals resample and tests turn round. A partner with its layers over "
        "time switched off is "
        "the strong model itself, whose frames do not see each other. Schedules of the gap were "
        "not tried: a reflection has one gap."
    )


def _say(search: Search, rendering: Videos) -> None:
    """As if all were chosen as the plan begins."""
    plan = search.plan
    usual = plan.start[len(plan.start) // 2]
    primary = planned.reflection(plan, usual)
    dev, reserve = ([*split_pairs("dev", n)] for n in (plan.dev, search.reserve))
    starts = [
        replace(primary, partner=partner, guidance=guidance)
        for partner in search.partners
        for guidance in plan.start
    ]
    usuals = [one for one in starts if one.guidance == usual]
    columns = starts + [
        made for variants in search.choices for one in usuals for made in variants(one)
    ]
    alone = {plain_with(column.evaluations, usual) for column in columns}
    say_cost("development", [Wanted(one, dev) for one in {*columns, *alone}], rendering.processes)
    judged = [replace(primary, partner=one) for one in search.partners[: search.judged]]
    judged += [plain_with(column.evaluations, usual) for column in judged]
    say_cost("reserve", [Wanted(one, reserve) for one in judged], rendering.processes)


def _reflected(partner: Partner) -> str:
    return f"{KINDS[partner]}, reflected"


def _alone(partner: Partner) -> str:
    return f"strong at as many as {KINDS[partner]}"
