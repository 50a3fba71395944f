"""The tables of a search and its judgement, and their plot."""

from __future__ import annotations

from ...measured import Measured
from ...panels import BY_MODE, Dot, Dots
from ...result import Table
from ...wording import NOTHING
from ..columns import Column, Partner
from ..metrics import METRICS, PRIMARY, Metric
from ..outcomes import Differences, Found, Test
from .arms import KINDS, alone, reflected, told
from .search import Searching


def chosen(searching: Searching, best: dict[Partner, Column], found: dict[str, Found]) -> Table:
    """The best settings of each kind of difference, and what the judged ones come to."""
    strong = searching.search.alone(searching.strong)
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
                    f"{strong.steps} steps, guidance {strong.guidance:g}",
                    f"{strong.evaluations:g}",
                    f"{searching.right(strong):.3f}",
                    *[NOTHING] * 3,
                ],
            ),
            *(
                (
                    KINDS[partner],
                    [
                        told(one),
                        f"{one.evaluations:g}",
                        f"{searching.right(one):.3f}",
                        *_judged(partner, found),
                    ],
                )
                for partner, one in best.items()
            ),
        ],
    )


def _judged(partner: Partner, found: dict[str, Found]) -> list[Measured | str]:
    if reflected(partner) not in found:
        return [NOTHING] * 3
    pair = found[reflected(partner)], found[alone(partner)]
    return [f"{pair[0].guidance:.2f}", *(one.means()[PRIMARY] or NOTHING for one in pair)]


def against(judged: dict[Partner, dict[str, Column]], differences: Differences) -> Table:
    """Reflected clips against all the other arms of each kind."""
    tests = [
        (reflected(partner), other)
        for partner, own in judged.items()
        for other in own
        if other != reflected(partner)
    ]
    return Table(
        note="On the reserve, as differences of the reflected clips from others for as many "
        "evaluations; paired, ± 95 % by captions, without correction. The claim is of the first.",
        columns=[*METRICS.values()],
        rows=[
            (f"− {b}", [differences.of(Test(a, b, metric)) or NOTHING for metric in METRICS])
            for a, b in tests
        ],
    )


def means(note: str, found: dict[str, Found]) -> Table:
    return Table(
        note=note,
        columns=[*METRICS.values()],
        rows=[
            (label, [value or NOTHING for value in one.means().values()])
            for label, one in found.items()
        ],
    )


def panel(found: dict[str, Found], metric: Metric) -> Dots:
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
