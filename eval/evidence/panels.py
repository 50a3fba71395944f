"""What a plot consists of, as data: an evidence says what to show, ``plots.py`` draws it.

Whoever plays a role has its colour in every plot: see ``plots.COLOURS``.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from w2sd_video.core.reflection import Mode

from .measured import Measured, Strict

Role = Literal["weak", "strong", "reflected", "ideal", "baseline", "harm", "other"]
Point = list[float]

# What the modes play where they stand side by side.
BY_MODE: dict[Mode, Role] = {
    "exact": "reflected",
    "official": "harm",
    "implicit": "ideal",
    "cached": "weak",
    "extrapolate": "baseline",
}


class Line(Strict):
    """Measured at ``x``; ``shade`` from 0 to 1 in place of a role, for lines with an order."""

    label: str
    x: list[float]
    y: list[Measured]
    role: Role = "other"
    shade: float | None = None


class Level(Strict):
    """A horizontal or vertical line that the others are held against."""

    label: str
    at: float
    role: Role = "other"


class Lines(Strict):
    """Lines with their intervals as bands."""

    kind: Literal["lines"] = "lines"
    title: str
    x: str
    y: str
    lines: list[Line]
    levels: list[Level] = Field(default_factory=list)
    marks: list[Level] = Field(default_factory=list)  # vertical
    top: float | None = None


class Dot(Strict):
    label: str
    role: Role
    value: Measured


class Dots(Strict):
    """One measured value a row, with its interval; ``levels`` are vertical."""

    kind: Literal["dots"] = "dots"
    title: str
    x: str
    dots: list[Dot]
    levels: list[Level] = Field(default_factory=list)


class Paths(Strict):
    """Trajectories on a line, and beside them the density that all samples end in.

    Attributes:
        paths: positions after each step, from noise to sample, one list a trajectory.
        density: of all samples, at the centres ``at``; ``truth`` is the ideal one.
    """

    kind: Literal["paths"] = "paths"
    title: str
    role: Role
    paths: list[list[float]]
    at: list[float]
    density: list[float]
    truth: list[float]


class Cloud(Strict):
    """Samples in the plane, some with their trajectories, and a text at each place named.

    ``limits`` are left, right, bottom and top of what is shown.
    """

    kind: Literal["cloud"] = "cloud"
    title: str
    role: Role
    points: list[Point]
    paths: list[list[Point]]
    places: list[tuple[Point, str]]
    limits: tuple[float, float, float, float] = (-6.0, 6.0, -4.5, 7.0)


Panel = Annotated[Lines | Dots | Paths | Cloud, Field(discriminator="kind")]


class Row(Strict):
    """Panels side by side under one heading."""

    title: str
    panels: list[Panel]
