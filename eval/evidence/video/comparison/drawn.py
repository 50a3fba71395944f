"""The plot of a test split."""

from __future__ import annotations

from collections.abc import Iterable

from ...measured import Measured
from ...panels import BY_MODE, Dot, Dots, Level, Line, Lines, Role, Row
from ..metrics import METRICS, Metric
from .claims import BEST, EQUAL, FEW, WEAK, alone, reflected
from .report import Report

CAPTION = (
    "Above, what is right, how well outlines fit and how much paths jitter against evaluations, "
    "for strong alone with more steps and for the modes on more of theirs; below, every column"
)


def figure(report: Report) -> list[Row]:
    bought: tuple[Metric, ...] = ("everything", "iou", "jitter_complete")
    each: tuple[Metric, ...] = ("everything", "iou")
    return [
        Row(
            title="What evaluations buy",
            panels=[_bought(report, metric) for metric in bought],
        ),
        Row(
            title="All columns of all pairs",
            panels=[_each(report, metric) for metric in each],
        ),
    ]


def _bought(report: Report, metric: Metric) -> Lines:
    plan = report.plan
    strong: dict[float, list[str]] = {}
    for label in (BEST, *alone(plan, report.chosen)):
        strong.setdefault(report.found[label].column.guidance, []).append(label)
    lines = [
        _line(report, metric, f"strong, guidance {guidance:g}", labels, "strong")
        for guidance, labels in strong.items()
    ]
    for mode in plan.modes:
        labels = [reflected(mode, share) for share in plan.shares]
        lines.append(_line(report, metric, mode, labels, BY_MODE[mode]))
    return Lines(
        title=METRICS[metric],
        x="denoiser evaluations a clip",
        y=METRICS[metric],
        lines=[line for line in lines if line.x],
    )


def _line(report: Report, metric: Metric, name: str, labels: Iterable[str], role: Role) -> Line:
    points: list[tuple[float, Measured]] = []
    for label in labels:
        one = report.found[label]
        value = one.means()[metric]
        if value is not None:
            points.append((one.evaluations, value))
    points.sort(key=lambda point: point[0])
    return Line(label=name, x=[x for x, _ in points], y=[y for _, y in points], role=role)


def _each(report: Report, metric: Metric) -> Dots:
    values = {label: one.means()[metric] for label, one in report.found.items() if label not in FEW}
    level = values[EQUAL]
    return Dots(
        title=METRICS[metric],
        x=f"{METRICS[metric]} (dashed: {EQUAL})",
        dots=[
            Dot(label=label, role=_role(report, label), value=value)
            for label, value in values.items()
            if value is not None
        ],
        levels=[Level(label=EQUAL, at=level.mean, role="strong")] if level else [],
    )


def _role(report: Report, label: str) -> Role:
    column = report.found[label].column
    if label == WEAK:
        return "weak"
    if column.is_alone:
        return "strong"
    return BY_MODE[column.mode] if column.partner == "weights" else "other"
