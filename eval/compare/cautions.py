"""What has to stand beside the numbers, or they would mislead."""

from __future__ import annotations

from collections.abc import Iterator

from .comparison import Comparison, mean_cost
from .labels import NEAR
from .metrics import BOUGHT_BY_STILLNESS, MOVEMENT, Metric, without_movement
from .settings import of_reflection, plain_part, told
from .verdicts import BETTER, WORSE, counted, listed, verdicts

FEW = 10  # with fewer pairs intervals are rough
SHOWN = 3  # of a longer list


def cautions(comparison: Comparison) -> list[str]:
    """One sentence each, the gravest first."""
    return [
        *_unscored(comparison),
        *_sources(comparison),
        *_movement(comparison),
        *_few(comparison),
        *_other_settings(comparison),
        *_baselines(comparison),
        *_devices(comparison),
    ]


def _unscored(comparison: Comparison) -> Iterator[str]:
    if not comparison.metrics:
        yield (
            "Nothing has been scored, so only evaluations and seconds are compared."
            f" Score each folder first: w2sd-video eval {comparison.folders[0].path}."
        )
        return
    total = len(comparison.pairs)
    for k, metric in enumerate(comparison.metrics):
        counts = [comparison.mean(i, k)[1] for i in range(len(comparison.columns))]
        if min(counts) < total:
            each = "; ".join(
                f"{column.label} {count}"
                for column, count in zip(comparison.columns, counts, strict=True)
            )
            yield f"{metric.title} is not scored for all {total} clips of each column: {each}."


def _sources(comparison: Comparison) -> Iterator[str]:
    """Who has scored: other scorers, or versions, may judge otherwise."""
    for metric in comparison.metrics:
        found = {
            clip.sources[metric.name]
            for pair in comparison.pairs
            for clip in comparison.clips(pair)
            if metric.name in clip.sources
        }
        if len(found) > 1:
            yield f"{metric.title} was scored by {listed(sorted(found))}: score all with one."


def _movement(comparison: Comparison) -> Iterator[str]:
    names = [metric.name for metric in comparison.metrics]
    if still := without_movement(names):
        titles = [Metric(name).title for name in still]
        yield (
            f"Dynamic degree has not been scored: a gain in {listed(titles)} may be nothing but"
            " less movement."
        )
        return
    for column in comparison.others:
        said = verdicts(comparison, column)
        won = [m.title for m in said[BETTER] if m.name in BOUGHT_BY_STILLNESS]
        lost = [m.title for m in said[WORSE] if m.name in MOVEMENT]
        if won and lost:
            yield f"{column.label}: the gain in {listed(won)} comes with less movement."


def _few(comparison: Comparison) -> Iterator[str]:
    pairs = len(comparison.pairs)
    if comparison.dropped:
        first = [
            f"“{_short(prompt)}” seed {seed} (not in {listed(lacking)})"
            for (prompt, seed), lacking in list(comparison.dropped.items())[:SHOWN]
        ]
        more = ", …" if len(comparison.dropped) > SHOWN else ""
        yield (
            f"{counted(len(comparison.dropped), 'pair')} not in all columns left out:"
            f" {', '.join(first)}{more}."
        )
    for folder in comparison.folders:
        if folder.left_out:
            told_of = listed([f"{n} {what}" for what, n in folder.left_out.items()])
            clips = "clip" if sum(folder.left_out.values()) == 1 else "clips"
            yield f"{folder.path}: {told_of} {clips} left out."
    if pairs < FEW and comparison.metrics:
        yield f"With {counted(pairs, 'pair')}, intervals are rough; take {FEW} or more."


def _other_settings(comparison: Comparison) -> Iterator[str]:
    """Settings beside reflection, steps and guidance that differ, or are mixed in a column."""
    usual = {"num_inference_steps", "guidance_scale"}
    reference = plain_part(comparison.reference.settings)
    for column in comparison.columns:
        own = plain_part(column.settings)
        keys = [
            k for k in dict.fromkeys([*reference, *own])
            if own.get(k) != reference.get(k) and k not in usual and not k.startswith("model.")
        ]  # fmt: skip
        if keys:
            each = [f"{k} {told(own.get(k, '-'))}, not {told(reference.get(k, '-'))}" for k in keys]
            more = "; …" if len(each) > SHOWN else ""
            yield f"{column.label} differs in more than its kind: {'; '.join(each[:SHOWN])}{more}."
        if mixed := [key for key in column.varying if of_reflection(key) or key in usual]:
            yield f"{column.label}: {listed(mixed)} is not the same for all its clips."


def _baselines(comparison: Comparison) -> Iterator[str]:
    """Baselines without which a gain could be had otherwise."""
    reflected = [c for c in comparison.columns if c.reflected]
    plain = [i for i, c in enumerate(comparison.columns) if not c.reflected]
    if not reflected or not plain:
        return
    costs = [mean_cost(row) for row in comparison.evaluations]
    column = next((c for c in reflected if "extrapolate" not in c.label), reflected[0])
    cost = costs[comparison.columns.index(column)]
    if cost > costs[plain[0]] * (1 + NEAR) and not any(
        abs(costs[i] - cost) <= NEAR * cost for i in plain
    ):
        yield (
            f"No plain column takes as many evaluations as {column.label} ({cost:.0f} a clip):"
            " what more steps would give is not known."
        )


def _devices(comparison: Comparison) -> Iterator[str]:
    devices = {
        column.label: {column.clips[pair].device for pair in comparison.pairs} - {""}
        for column in comparison.columns
    }
    if len(set().union(*devices.values())) > 1:
        yield "Clips were rendered on different devices, so seconds can't be compared."


def _short(text: str, length: int = 60) -> str:
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1] + "…"
