"""A comparison as tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.markup import escape
from rich.table import Table

from . import verdicts
from .cautions import cautions
from .comparison import Comparison, mean_cost
from .metrics import decimals
from .statistics import LEVEL
from .wording import MARK, MINUS, number, percent, places_of, probability, signed, spanned, title

_STYLE = {verdicts.BETTER: "green", verdicts.WORSE: "red"}


def terminal(comparison: Comparison) -> Iterator[Table | str]:
    """What is printed: the sentence, means and costs, differences, warnings."""
    main = verdicts.main_column(comparison)
    yield f"[bold]{escape(verdicts.sentence(comparison, main))}[/]"
    for column in comparison.others:
        if column is not main:
            yield escape(verdicts.sentence(comparison, column))
    yield ""
    yield _means(comparison)
    for column in comparison.others if comparison.metrics else []:
        yield ""
        yield f"[bold]{escape(column.label)}[/] {MINUS} {escape(comparison.reference.label)}"
        yield _differences(comparison, column.label)
    if any(metric.lower_is_better for metric in comparison.metrics):
        yield ""
        yield f"{MARK.strip()} lower is better"
    if notes := cautions(comparison):
        yield ""
        yield from (f"[yellow]![/] {escape(note)}" for note in notes)


def _table(*titles: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(titles[0])
    table.columns[0].no_wrap = True
    for name in titles[1:]:
        table.add_column(escape(name), justify="right")
    return table


def _means(comparison: Comparison) -> Table:
    table = _table("mean", *(column.label for column in comparison.columns))
    for k, metric in enumerate(comparison.metrics):
        means = [comparison.mean(i, k)[0] for i in range(len(comparison.columns))]
        places = decimals(means)
        table.add_row(title(metric), *(number(mean, places) for mean in means))
    table.add_row("evaluations a clip", *(number(mean_cost(r), 1) for r in comparison.evaluations))
    table.add_row("seconds a clip", *(number(mean_cost(row), 2) for row in comparison.seconds))
    if comparison.knows_guidance:
        means = [mean_cost(row) for row in comparison.guidance]
        table.add_row("effective guidance", *(number(mean, 2) for mean in means))
    return table


def _differences(comparison: Comparison, label: str) -> Table:
    interval = f"{LEVEL:.0%} interval".replace("%", " %")
    found = [(metric, comparison.results[label, metric.name]) for metric in comparison.metrics]
    partly = any(result.n < len(comparison.pairs) for _, result in found)
    table = _table("metric", "difference", interval, "wins", "p (Holm)", "", *["pairs"] * partly)
    table.columns[2].no_wrap = True
    for metric, result in found:
        places = places_of(result)
        said = verdicts.verdict(metric, result)
        style = _STYLE.get(said)
        table.add_row(
            title(metric),
            signed(result.difference, places),
            spanned(result.interval, places),
            percent(result.win_rate),
            probability(result.p_holm),
            f"[{style}]{said}[/]" if style else "",
            *[str(result.n)] * partly,
        )
    return table
