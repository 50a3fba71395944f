"""What to recommend: the best settings by kind of difference, and whether they are worth it.

They are looked for on the development split (``search.py``). What counts is how many more clips
are all right than with the strong model alone at as many evaluations and at its best guidance.
Each kind's best is then judged, once, on a split that nothing else looks at.
"""

from __future__ import annotations

from dataclasses import replace

from w2sd_video.shapes import Kind

from ..embedded.rendering import Wanted
from ..panels import Dot, Dots, Row
from ..result import HOLDS, Claim, Result, Table
from . import plan as planned
from . import search as searched
from .columns import Partner, plain_with
from .outcomes import Differences, Found, Test, measured
from .pairs import split_pairs
from .plan import METRICS, PRIMARY, Metric
from .report import LEVEL, p_told
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
    columns = {
        label: column
        for partner, one in best.items()
        for label, column in ((_reflected(partner), one.reflected), (_alone(partner), one.alone))
    }
    rendering.get(Wanted(column, reserve) for column in columns.values())
    found = {label: Found.of(rendering, column, reserve) for label, column in columns.items()}
    differences = Differences(found)
    p = differences.corrected(_test(partner) for partner in best)
    claims = [_claim(partner, differences, p) for partner in best]
    return Result(
        name=f"settings-{kind}",
        title=f"Settings for the shapes {NAMES[kind]}",
        about=_about(search, searching.strong),
        claims=claims,
        tables=[_settings(best, found), _differences(best, differences)],
        figure=[Row(title="", panels=[_panel(best, found, by) for by in (PRIMARY, "jitter")])],
        caption="What is right, and jitter, for strong alone and for the best settings of each "
        "kind of difference, in pairs that take as many evaluations",
        remarks=[_verdict(best, claims, p), effort(rendering)],
    )


def _verdict(best: dict[Partner, Best], claims: list[Claim], p: dict[Test, float]) -> str:
    """What to recommend, in a sentence."""
    won = [
        partner
        for partner, claim in zip(best, claims, strict=True)
        if claim.verdict == HOLDS and p[_test(partner)] < LEVEL
    ]
    if not won:
        return (
            "None of them beats the strong model alone, at as many evaluations and at its best "
            "guidance, in clips all right: on this model tune guidance and steps first."
        )
    named = "; ".join(f"{KINDS[partner]}: {_told(best[partner])}" for partner in won)
    return f"Beats the strong model alone at as many evaluations and its best guidance: {named}."


def _told(best: Best) -> str:
    one = best.reflected
    return f"{one.mode}, {one.share:.0%} of the steps, gap {one.gap:g}, guidance {one.guidance:g}"


def _claim(partner: Partner, differences: Differences, p: dict[Test, float]) -> Claim:
    test = _test(partner)
    return Claim(
        text=f"A difference in {KINDS[partner]} gets more clips all right than as many "
        "evaluations of strong at its best guidance",
        row=f"{METRICS[PRIMARY]}: {test.a} − {test.b} (p after Holm {p_told(p[test])})",
        measured=measured(differences.of(test)),
        expected="above",
    )


def _settings(best: dict[Partner, Best], found: dict[str, Found]) -> Table:
    return Table(
        note="The best settings on the development split, with what they were ahead by there, and "
        "what both come to on the reserve.",
        columns=[
            "settings",
            "evaluations",
            "effective guidance",
            "ahead when chosen",
            "all right",
            "strong alone",
        ],
        rows=[
            (
                KINDS[partner],
                [
                    _told(one),
                    f"{found[_reflected(partner)].evaluations:g}",
                    f"{found[_reflected(partner)].guidance:.2f}",
                    f"{one.ahead:+.3f}".replace("-", "−"),
                    found[_reflected(partner)].means()[PRIMARY] or NOTHING,
                    found[_alone(partner)].means()[PRIMARY] or NOTHING,
                ],
            )
            for partner, one in best.items()
        ],
    )


def _differences(best: dict[Partner, Best], differences: Differences) -> Table:
    def cell(partner: Partner, metric: Metric) -> str:
        paired = differences.of(Test(_reflected(partner), _alone(partner), metric))
        return str(measured(paired)) if paired.n else NOTHING

    return Table(
        note="The same settings on the reserve, as differences from strong alone; paired, ± 95 %, "
        "without correction.",
        columns=[*METRICS.values()],
        rows=[(KINDS[partner], [cell(partner, metric) for metric in METRICS]) for partner in best],
    )


def _panel(best: dict[Partner, Best], found: dict[str, Found], metric: Metric) -> Dots:
    values = [
        (label, found[label].means()[metric])
        for partner in best
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


def _about(search: Search, strong: float) -> str:
    plan = search.plan
    return (
        f"For each kind of difference, {plan.dev} development pairs choose guidance, share of the "
        f"steps ({_listed(plan.shares)}), mode ({', '.join(plan.modes)}), gap "
        f"({_listed(search.gaps)}) and guidance again, one after the other. What counts is how "
        "many more clips are all right than with strong alone at as many evaluations and at its "
        f"best guidance, {strong:g}. The chosen ones are judged once, on {search.reserve} pairs of "
        "a split that nothing else looks at. A partner with its layers over time switched off is "
        "the strong model itself, whose frames do not see each other. Schedules of the gap were "
        "not tried: a reflection has one gap."
    )


def _listed(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in values)


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
    judged = [replace(primary, partner=partner) for partner in search.partners]
    judged += [plain_with(column.evaluations, usual) for column in judged]
    say_cost("reserve", [Wanted(one, reserve) for one in judged], rendering.processes)


def _reflected(partner: Partner) -> str:
    return f"{KINDS[partner]}, reflected"


def _alone(partner: Partner) -> str:
    return f"strong at as many as {KINDS[partner]}"


def _test(partner: Partner) -> Test:
    return Test(_reflected(partner), _alone(partner), PRIMARY)
