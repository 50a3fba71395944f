"""A comparison: columns of clips beside one another, and every number about them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from w2sd_video.render.errors import InputError, did_you_mean

from .clips import Clip, Folder, Key, read
from .columns import Column, columns_of, foremost
from .labels import labelled
from .metrics import Metric, ordered
from .statistics import Array, Interval, Paired, compare, corrected
from .statistics import mean_intervals as intervals_of


@dataclass(frozen=True)
class Comparison:
    """What is compared, over the pairs that all columns have.

    Attributes:
        columns: the first is the reference.
        pairs: prompts and seeds that all columns have, in the reference's order.
        dropped: those that only some have, with the labels of the columns that lack them.
        folders: as they were read.
        metrics: those that at least one clip of a pair has been scored on.
    """

    columns: list[Column]
    pairs: list[Key]
    dropped: dict[Key, list[str]]
    folders: list[Folder]
    metrics: list[Metric]

    @property
    def reference(self) -> Column:
        return self.columns[0]

    @property
    def others(self) -> list[Column]:
        return self.columns[1:]

    def clips(self, pair: Key) -> list[Clip]:
        """The clips of a pair, in the order of the columns."""
        return [column.clips[pair] for column in self.columns]

    @cached_property
    def prompts(self) -> list[str] | None:
        """Of the pairs, where they are what is drawn: not where there is one for all."""
        prompts = [prompt for prompt, _ in self.pairs]
        return prompts if len({*prompts}) > 1 else None

    @property
    def draws(self) -> tuple[int, str]:
        """How many, and what one is."""
        return (len({*self.prompts}), "prompt") if self.prompts else (len(self.pairs), "pair")

    def draws_of(self, metric: int) -> int:
        """How many of them have a difference in a metric, in the column that has fewest."""
        both = np.isfinite(self.scores[1:, :, metric] - self.scores[0, :, metric])
        names = np.array(self.prompts or range(len(self.pairs)), dtype=object)
        return min(len({*names[own]}) for own in both)

    @cached_property
    def scores(self) -> Array:
        """``(columns, pairs, metrics)``; NaN where a clip has no score."""
        shape = len(self.columns), len(self.pairs), len(self.metrics)
        return np.array(
            [
                [clip.scores.get(metric.name, math.nan) for metric in self.metrics]
                for column in self.columns
                for clip in map(column.clips.__getitem__, self.pairs)
            ],
            dtype=np.float64,
        ).reshape(shape)

    @cached_property
    def evaluations(self) -> Array:
        """Denoiser samples, ``(columns, pairs)``."""
        return np.array([[c.clips[p].evaluations for p in self.pairs] for c in self.columns])

    @cached_property
    def seconds(self) -> Array:
        """From prompt to frames, ``(columns, pairs)``."""
        return np.array([[c.clips[p].seconds for p in self.pairs] for c in self.columns])

    @cached_property
    def guidance(self) -> Array:
        """Effective guidance, ``(columns, pairs)``."""
        return np.array([[c.clips[p].guidance for p in self.pairs] for c in self.columns])

    @property
    def knows_guidance(self) -> bool:
        """Whether a run has logged the effective guidance of reflected clips."""
        reflected = [column.reflected for column in self.columns]
        return bool(np.isfinite(self.guidance[reflected]).any())

    @cached_property
    def results(self) -> dict[tuple[str, str], Paired]:
        """By label of a column and name of a metric; p is corrected over all of them."""
        lower = [metric.lower_is_better for metric in self.metrics]
        keys, found = [], []
        for i, column in enumerate(self.others, start=1):
            keys += [(column.label, metric.name) for metric in self.metrics]
            found += compare(self.scores[i], self.scores[0], lower, self.prompts)
        return dict(zip(keys, corrected(found), strict=True))

    @cached_property
    def mean_intervals(self) -> dict[tuple[str, str], Interval | None]:
        """95 % intervals of means, by label of a column and name of a metric."""
        return {
            (column.label, metric.name): interval
            for column, scores in zip(self.columns, self.scores, strict=True)
            for metric, interval in zip(
                self.metrics, intervals_of(scores, self.prompts), strict=True
            )
        }

    def mean(self, column: int, metric: int) -> tuple[float, int]:
        """A column's mean over all its scored clips of the pairs, and how many there are."""
        values = self.scores[column, :, metric]
        values = values[np.isfinite(values)]
        return (float(values.mean()) if len(values) else math.nan), len(values)

    def gains(self, metric: int) -> Array:
        """Differences to the reference, positive for the better, ``(others, pairs)``."""
        sign = -1.0 if self.metrics[metric].lower_is_better else 1.0
        found: Array = sign * (self.scores[1:, :, metric] - self.scores[0, :, metric]) + 0.0
        return found


def mean_cost(values: Array) -> float:
    """The mean of what is known; NaN if nothing is."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else math.nan


def gather(
    paths: Sequence[Path],
    names: Mapping[Path, str] | None = None,
    against: str | None = None,
    baseline: Path | None = None,
) -> Comparison:
    """Read folders and lay their clips side by side.

    Args:
        names: labels for folders.
        against: the label of the reference; the first column by default.
        baseline: the folder whose foremost column is the reference, where no label says it.

    Raises:
        InputError: if a folder is none, if there is nothing to compare, or no such reference.
    """
    folders = [read(path) for path in paths]
    columns = labelled(columns_of(folders), names or {})
    if against is not None or baseline is not None:
        own = [column for column in columns if baseline in column.folders]
        i = columns.index(foremost(own) or own[0]) if against is None else _index(columns, against)
        columns = [columns[i], *columns[:i], *columns[i + 1 :]]
    common = set.intersection(*(set(column.clips) for column in columns))
    if not common:
        told = ", ".join(f"{c.label} ({len(c.clips)})" for c in columns)
        raise InputError(
            f"no prompt and seed is in all columns: {told};"
            " render the same list with the same seeds into each"
        )
    # A dict keeps the order in which the pairs are met.
    met = dict.fromkeys(key for column in columns for key in column.clips)
    dropped = {
        key: [column.label for column in columns if key not in column.clips]
        for key in met
        if key not in common
    }
    pairs = [key for key in met if key in common]
    scored = {name for column in columns for key in pairs for name in column.clips[key].scores}
    return Comparison(columns, pairs, dropped, folders, ordered(scored))


def _index(columns: Sequence[Column], label: str) -> int:
    """Which column has a label, or is the only one that begins with it."""
    labels = [column.label.lower() for column in columns]
    wanted = label.strip().lower()
    if wanted in labels:
        return labels.index(wanted)
    begin = [i for i, name in enumerate(labels) if wanted and name.startswith(wanted)]
    if len(begin) == 1:
        return begin[0]
    real = [column.label for column in columns]
    near = did_you_mean(label, real)
    what = "no column is" if not begin else "several columns begin with"
    raise InputError(f"{what} '{label}'{near} (columns: {'; '.join(real)})", key="--against")
