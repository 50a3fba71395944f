"""The tables of a test split."""

from __future__ import annotations

import math

from ...measured import Measured
from ...result import LEVEL, Table
from ...wording import NOTHING
from ..metrics import METRICS, PRIMARY, Metric
from ..outcomes import Found, Test
from .claims import FEW
from .report import Report


def tables(report: Report) -> list[Table]:
    return [_means(report), _differences(report), _by_things(report)]


def development(tried: dict[str, dict[float, Found]]) -> Table:
    """What guidance was chosen among, by family."""
    guidances = sorted({guidance for own in tried.values() for guidance in own})

    def cell(own: dict[float, Found], guidance: float) -> Measured | str:
        return (guidance in own and own[guidance].means()[PRIMARY]) or NOTHING

    return Table(
        note="All right on the development pairs, by guidance.",
        columns=[f"guidance {guidance:g}" for guidance in guidances],
        rows=[
            (family, [cell(own, guidance) for guidance in guidances])
            for family, own in tried.items()
        ],
    )


def _means(report: Report) -> Table:
    rows: list[tuple[str, list[Measured | str]]] = [
        (
            label,
            [
                str(len(one.pairs)),
                str(one.column.steps),
                str(one.column.reflects),
                f"{one.evaluations:g}",
                f"{one.column.guidance:g}",
                NOTHING if math.isnan(one.guidance) else f"{one.guidance:.2f}",
                *(value or NOTHING for value in one.means().values()),
            ],
        )
        for label, one in report.found.items()
    ]
    return Table(
        note="Means over pairs, a quarter of them of one thing and the others of two; ± 95 % by "
        "captions.",
        columns=[
            "pairs",
            "steps",
            "with a partner",
            "evaluations",
            "guidance",
            "effective guidance",
            *METRICS.values(),
        ],
        rows=rows,
    )


def _differences(report: Report) -> Table:
    def cell(label: str, against: str, metric: Metric) -> str:
        test = Test(label, against, metric)
        difference = report.differences.of(test)
        return f"{difference}{'*' * (report.p_listed[test] < LEVEL)}" if difference else NOTHING

    return Table(
        note="With a partner − strong alone at as many evaluations, or the nearest number there "
        "is, at the guidance that development chose for the primary comparison; paired, ± 95 %. "
        "* p < .05 after Holm, over all of this table.",
        columns=["against", "evaluations of both", *METRICS.values()],
        rows=[
            (
                label,
                [
                    against,
                    " and ".join(f"{report.found[one].evaluations:g}" for one in (label, against)),
                    *(cell(label, against, metric) for metric in METRICS),
                ],
            )
            for label, against in report.against.items()
        ],
    )


def _by_things(report: Report) -> Table:
    return Table(
        note="All right, by the number of things in a prompt.",
        columns=["one thing", "two things"],
        rows=[
            (
                label,
                [report.found[label].means(things=n)[PRIMARY] or NOTHING for n in (1, 2)],
            )
            for label in report.found
            if label not in FEW
        ],
    )
