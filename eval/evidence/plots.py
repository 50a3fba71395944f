"""Draw a result: its panels, row by row, with matplotlib.

Colours are Okabe and Ito's, which colour-blind readers can tell apart; lines have markers, too.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from w2sd_video.render.errors import InputError

from .panels import Cloud, Dots, Lines, Panel, Paths, Role, Row
from .result import Result

COLOURS: dict[Role, str] = {
    "weak": "#D55E00",
    "strong": "#0072B2",
    "reflected": "#009E73",
    "ideal": "#333333",
    "baseline": "#CC79A7",
    "harm": "#E69F00",
    "other": "#888888",
}
MARKERS = "os^Dvph"
WIDTH, DPI = 12.0, 100  # inches; pixels an inch
HEIGHTS = {"paths": 2.5, "lines": 3.7}
TITLE = 0.4  # inches above a cloud
ROW = 0.24  # inches of one row of dots
HEADING = 0.3
CLEAR = {"boxstyle": "square,pad=0.1", "color": "white", "alpha": 0.8}  # behind a text
STYLE = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}


def draw(result: Result) -> Any:
    """A matplotlib figure; who saves it decides the format.

    Raises:
        InputError: where matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError:
        raise InputError(
            "plots need matplotlib: pip install 'w2sd-video[evidence]', or leave them out with "
            "--no-plot"
        ) from None
    rows = result.figure
    heights = [HEADING * bool(row.title) + _height(row) for row in rows]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, sum(heights)), dpi=DPI, layout="constrained")
        parts = figure.subfigures(len(rows), 1, height_ratios=heights, squeeze=False)
        for part, row in zip(parts[:, 0], rows, strict=True):
            if row.title:
                part.suptitle(row.title, x=0.01, ha="left", fontsize=11, color="#555555")
            axes = part.subplots(1, len(row.panels), squeeze=False)[0]
            for i, (ax, panel) in enumerate(zip(axes, row.panels, strict=True)):
                ax.set_title(panel.title)
                first = all(other.kind != panel.kind for other in row.panels[:i])
                DRAWN[panel.kind](ax, panel, first)
            _share_reach([a for a, p in zip(axes, row.panels, strict=True) if p.kind == "dots"])
        figure.draw_without_rendering()  # texts take their fonts within this style
    return figure


def _height(row: Row) -> float:
    return max(_needs(panel, WIDTH / len(row.panels)) for panel in row.panels)


def _needs(panel: Panel, width: float) -> float:
    """Inches of height."""
    if isinstance(panel, Dots):
        return 1.0 + ROW * len(panel.dots)
    if isinstance(panel, Cloud):  # whose axes have one scale
        left, right, bottom, top = panel.limits
        return TITLE + width * (top - bottom) / (right - left)
    return HEIGHTS[panel.kind]


def _share_reach(axes: list[Any]) -> None:
    """Side by side, those of the same measure have the same scale."""
    for label in {ax.get_xlabel() for ax in axes}:
        same = [ax for ax in axes if ax.get_xlabel() == label]
        reach = max(ax.get_xlim()[1] for ax in same)
        for ax in same:
            ax.set_xlim(0, reach)


def _lines(ax: Any, panel: Lines, first: bool) -> None:
    from matplotlib import colormaps

    for line, marker in zip(panel.lines, itertools.cycle(MARKERS), strict=False):
        shade = None if line.shade is None else colormaps["viridis"](0.85 * (1 - line.shade))
        colour = shade or COLOURS[line.role]
        means = [value.mean for value in line.y]
        ax.plot(line.x, means, color=colour, marker=marker, markersize=4, label=line.label)
        low = [value.mean if value.low is None else value.low for value in line.y]
        high = [value.mean if value.high is None else value.high for value in line.y]
        ax.fill_between(line.x, low, high, color=colour, alpha=0.2, linewidth=0)
    ax.set_ylim(0, panel.top)
    ax.set_xlabel(panel.x)
    ax.set_ylabel(panel.y)
    for level in panel.levels:
        ax.axhline(level.at, color=COLOURS[level.role], linestyle="--", linewidth=1.2)
        ax.annotate(
            level.label, (1, level.at), xycoords=("axes fraction", "data"), xytext=(-2, 3),
            textcoords="offset points", ha="right", color=COLOURS[level.role], bbox=CLEAR,
        )  # fmt: skip
    for mark in panel.marks:
        ax.axvline(mark.at, color=COLOURS[mark.role], linestyle=":", linewidth=1)
        ax.annotate(
            mark.label, (mark.at, 1), xycoords=("data", "axes fraction"), xytext=(3, -2),
            textcoords="offset points", va="top", rotation=90, color="#555555", fontsize=8,
        )  # fmt: skip
    if first:
        ax.legend(loc="best")


def _dots(ax: Any, panel: Dots, first: bool) -> None:
    rows = range(len(panel.dots))
    for row, dot in zip(rows, panel.dots, strict=True):
        value = dot.value
        colour = COLOURS[dot.role]
        if value.low is not None and value.high is not None:
            ax.plot([value.low, value.high], [row, row], color=colour, linewidth=2)
        ax.plot(value.mean, row, "o", color=colour, markersize=6)
        ax.annotate(
            f"{value.mean:.3f}", (max(value.mean, value.high or 0), row), xytext=(7, 0),
            textcoords="offset points", va="center", color=colour,
            bbox=CLEAR,
        )  # fmt: skip
    ax.set_yticks([*rows], [dot.label for dot in panel.dots])
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(panel.dots) - 0.4, -0.6)  # from above, none on an edge
    reach = max(dot.value.high or dot.value.mean for dot in panel.dots) or 1.0
    ax.set_xlim(0, 1.25 * reach)  # with room for the last one's number
    ax.set_xlabel(panel.x)
    for level in panel.levels:
        ax.axvline(level.at, color=COLOURS[level.role], linestyle="--", linewidth=1, zorder=0)
    ax.grid(axis="y", color="#eeeeee", zorder=0)


def _paths(ax: Any, panel: Paths, first: bool) -> None:
    colour = COLOURS[panel.role]
    last = len(panel.paths[0]) - 1
    for path in panel.paths:
        ax.plot(range(last + 1), path, color=colour, alpha=0.35, linewidth=0.7)
    reach = panel.at[-1]
    ax.set(xlim=(0, last), ylim=(-reach, reach), xlabel="denoising step")
    ax.set_ylabel("x" if first else "")
    side = ax.inset_axes((1.0, 0.0, 0.3, 1.0), sharey=ax)
    side.fill_betweenx(panel.at, panel.density, color=colour, alpha=0.4, linewidth=0)
    side.plot(panel.truth, panel.at, color="black", linewidth=1)
    side.set_xlim(0, 1.9 * max(panel.truth))
    side.axis("off")
    if first:
        side.annotate(
            "black:\ntruth", (1, 0.5), xycoords="axes fraction", ha="right", va="center", fontsize=8
        )


def _cloud(ax: Any, panel: Cloud, first: bool) -> None:
    colour = COLOURS[panel.role]
    for path in panel.paths:
        ax.plot(*zip(*path, strict=True), color="#999999", alpha=0.6, linewidth=0.6, zorder=1)
    ax.scatter(*zip(*panel.points, strict=True), s=4, color=colour, alpha=0.4, linewidth=0)
    for (x, y), text in panel.places:
        ax.annotate(
            text, (x, y), xytext=(0, 19), textcoords="offset points", ha="center",
            va="center", fontsize=10, fontweight="bold", color="black",
        )  # fmt: skip
    left, right, bottom, top = panel.limits
    ax.set(xlim=(left, right), ylim=(bottom, top), aspect="equal", xticks=[], yticks=[])
    for spine in ax.spines.values():
        spine.set_visible(False)


DRAWN: dict[str, Callable[[Any, Any, bool], None]] = {
    "lines": _lines,
    "dots": _dots,
    "paths": _paths,
    "cloud": _cloud,
}
