"""What has to stand beside the numbers, or they would mislead."""

from __future__ import annotations

import math
from collections.abc import Iterator

from w2sd_video.render.settings.revisions import COMMIT

from ..settings import differing, of_reflection, plain_part, told
from ..vbench.dimensions import FLICKERING
from .columns import Column, foremost
from .comparison import Comparison
from .labels import as_costly, as_guided, is_weak
from .metrics import BOUGHT_BY_STILLNESS, MOVEMENT, Metric, without_movement
from .verdicts import BETTER, WORSE, counted, listed, verdicts

FEW = 10  # with fewer draws intervals are rough
SHOWN = 3  # of a longer list


def cautions(comparison: Comparison) -> list[str]:
    """One sentence each, the gravest first."""
    return [
        *_unscored(comparison),
        *_still(comparison),
        *_sources(comparison),
        *_movement(comparison),
        *_few(comparison),
        *_weights(comparison),
        *_other_settings(comparison),
        *_baselines(comparison),
        *_logs(comparison),
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
    filtered = _stills(comparison)
    for k, metric in enumerate(comparison.metrics):
        if metric.name == FLICKERING and filtered:
            continue  # ``_still`` counts its clips
        counts = [comparison.mean(i, k)[1] for i in range(len(comparison.columns))]
        if min(counts) < total:
            each = "; ".join(
                f"{column.label} {count}"
                for column, count in zip(comparison.columns, counts, strict=True)
            )
            yield f"{metric.title} is not scored for all {total} clips of each column: {each}."


def _still(comparison: Comparison) -> Iterator[str]:
    """Temporal flickering is of what VBench's filter finds still, where that has looked."""
    found = _stills(comparison)
    if not found:
        return
    title = Metric(FLICKERING).title
    each = [f"{label} {stills.count(True)} of {len(stills)}" for label, stills in found.items()]
    yield f"{title} is of clips that VBench's filter finds still: {'; '.join(each)}."
    if any(None in stills for stills in found.values()):
        yield (
            f"Some clips have {title} without VBench's filter, which leaves out those that move:"
            " score all in standard mode."
        )


def _stills(comparison: Comparison) -> dict[str, list[bool | None]]:
    """By label, what VBench's filter finds of a column's clips; nothing if it looked at none."""
    found = {
        column.label: [
            clip.still
            for clip in map(column.clips.__getitem__, comparison.pairs)
            if clip.still is not None or FLICKERING in clip.scores
        ]
        for column in comparison.columns
    }
    looked = any(still is not None for stills in found.values() for still in stills)
    return found if looked else {}


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
    draws, what = comparison.draws
    if draws < FEW and comparison.metrics:
        yield f"With {counted(draws, what)}, intervals are rough; take {FEW} or more."
        return
    rough = [m.title for k, m in enumerate(comparison.metrics) if 0 < comparison.draws_of(k) < FEW]
    if rough:
        yield (
            f"Intervals of {listed(rough)} are rough: fewer than {FEW} {what}s have both clips"
            " scored."
        )


def _weights(comparison: Comparison) -> Iterator[str]:
    """Weights may have changed between folders, which a clip in common or a commit would show."""
    for column in comparison.columns:
        if column.unproved and not COMMIT.fullmatch(str(column.settings.get("model.revision"))):
            yield (
                f"{column.label}: {listed([*map(str, column.unproved)])} has no pair in common with"
                f" {column.folders[0]}, so whether its weights are the same is not known."
            )


def _other_settings(comparison: Comparison) -> Iterator[str]:
    """Settings beside reflection, steps and guidance that differ, or are mixed in a column."""
    usual = {"num_inference_steps", "guidance_scale"}
    # Dynamic degree looks at eight frames a second.
    rated = {"fps"} if Metric("dynamic_degree") in comparison.metrics else set()
    reference = plain_part(comparison.reference.settings)
    weak = [column for column in comparison.columns if _is_weak(comparison, column)]
    for column in comparison.columns:
        own = plain_part(column.settings)
        of_weak = column in weak or comparison.reference in weak  # which has a model of its own
        keys = [
            k for k in dict.fromkeys([*reference, *own])
            if own.get(k) != reference.get(k) and k not in usual
            and not (of_weak and k.startswith("model."))
        ]  # fmt: skip
        if keys:
            each = [f"{k} {told(own.get(k, '-'))}, not {told(reference.get(k, '-'))}" for k in keys]
            more = "; …" if len(each) > SHOWN else ""
            yield f"{column.label} differs in more than its kind: {'; '.join(each[:SHOWN])}{more}."
        if mixed := [key for key in column.varying if of_reflection(key) or key in usual | rated]:
            yield f"{column.label}: {listed(mixed)} is not the same for all its clips."


def _is_weak(comparison: Comparison, column: Column) -> bool:
    """Whether a column is the weak model of one that reflects, alone."""
    reflected = [other for other in comparison.columns if other.reflected]
    return not column.reflected and any(is_weak(column.settings, c.settings) for c in reflected)


def _baselines(comparison: Comparison) -> Iterator[str]:
    """Baselines that every reflection should stand beside, since a gain could be theirs, too."""
    column = foremost(comparison.columns)
    if column is None:
        return
    strong, steps, guided = (
        _plain(comparison, column, *but)
        for but in ((), ("num_inference_steps",), ("guidance_scale",))
    )
    missing = [] if strong else ["strong alone"]
    if math.isfinite(cost := column.evaluations) and not any(as_costly(c, column) for c in steps):
        missing.append(f"strong with as many evaluations ({cost:.0f} a clip)")
    if not any(as_guided(c, column) for c in guided):
        logged = f"{column.guidance:.3g}" if math.isfinite(column.guidance) else "not logged"
        missing.append(f"strong at its effective guidance ({logged})")
    if not any(c.extrapolates for c in comparison.columns):
        missing.append("extrapolate")
    if missing:
        yield (
            f"Missing beside {column.label}: {listed(missing)}; what that would give is not known."
        )


def _plain(comparison: Comparison, column: Column, *but: str) -> list[Column]:
    """Plain columns that differ from another in nothing but its reflection and these keys."""
    own = plain_part(column.settings)
    return [
        c for c in comparison.columns
        if not c.reflected and set(differing(own, c.settings)) <= set(but)
    ]  # fmt: skip


def _logs(comparison: Comparison) -> Iterator[str]:
    """Columns of whose clips only some have a logged guidance, which then stands for all."""
    for column in comparison.columns:
        known = sum(math.isfinite(clip.guidance) for clip in column.clips.values())
        if column.reflected and 0 < known < len(column.clips):
            yield (
                f"{column.label}: effective guidance is logged for {known} of"
                f" {len(column.clips)} clips only."
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
