"""The plot: features and class histograms of the sets, and how far off each setting is."""

from __future__ import annotations

from w2sd_video.shapes.world import SHAPES

from ..panels import Cloud, Dot, Dots, Level, Line, Lines, Panel, Role, Row
from .arms import ARMS, EXTRAPOLATED, REFLECTED
from .classes import Projection, overlaps
from .experiment import truth_of
from .measures import BALANCED, Measures, others
from .pictures import KINDS, RARE

# The sets that figures 6 and 7 show, and the reversed pair.
SHOWN: dict[str, Role] = {
    "weak": "weak",
    "strong": "strong",
    "reflected": "reflected",
    "reversed": "harm",
    "balanced data": "ideal",
}


def figure(measures: Measures) -> list[Row]:
    projection = Projection(overlaps(truth_of(2000, 0)))
    return [
        Row(
            title="Features of the samples, along the two directions in which balanced data "
            "differ most",
            panels=[_cloud(measures, projection, label) for label in SHOWN],
        ),
        Row(title="Class histograms", panels=[_histogram(measures, label) for label in SHOWN]),
        Row(title="", panels=[_dots(measures), _gaps(measures)]),
    ]


def _cloud(measures: Measures, projection: Projection, label: str) -> Panel:
    truth = overlaps(truth_of(600, 1))
    kinds = truth.argmax(axis=1)
    places = [
        (projection(truth[kinds == which]).mean(axis=0).tolist(), kind)
        for which, kind in enumerate(SHAPES)
        if kind in KINDS
    ]
    points = projection(measures.found[0][label].features)
    return Cloud(
        title=label,
        role=SHOWN[label],
        points=points.tolist(),
        paths=[],
        places=places,
        limits=(-0.5, 0.8, -0.4, 0.6),
    )


def _histogram(measures: Measures, label: str) -> Panel:
    shares = {f"{kind}s" if kind != RARE else f"{kind}es": SHAPES.index(kind) for kind in KINDS}
    role = SHOWN[label]
    dots = [
        Dot(label=name, role=role, value=measures.share(label, which))
        for name, which in shares.items()
    ]
    other = Dot(label="anything else", role=role, value=measures.share(label, *others()))
    return Dots(
        title=label,
        x="share of samples",
        dots=[*dots, other],
        levels=[Level(label="balanced", at=BALANCED, role="ideal")],
    )


def _dots(measures: Measures) -> Panel:
    return Dots(
        title="How far the histogram is off",
        x="histogram off (total variation; further left is better)",
        dots=[Dot(label=s.label, role=s.role, value=measures.of(s.label, "off")) for s in ARMS],
        levels=[Level(label="strong", at=measures.of("strong", "off").mean, role="strong")],
    )


def _gaps(measures: Measures) -> Panel:
    def line(name: str, role: Role, labels: dict[float, str]) -> Line:
        by_gap = {0.0: "strong, three times the steps", **labels}
        y = [measures.of(label, "rare") for label in by_gap.values()]
        return Line(label=name, x=[*by_gap], y=y, role=role)

    return Lines(
        title="The rare class, for as many evaluations",
        x="gap",
        y=f"share of {RARE}es",
        lines=[
            line("exact", "reflected", REFLECTED),
            line("extrapolate", "baseline", EXTRAPOLATED),
        ],
        levels=[Level(label="balanced", at=BALANCED, role="ideal")],
        top=0.45,
    )
