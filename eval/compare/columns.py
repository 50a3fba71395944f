"""Clips in columns: a column is one setting, a row one prompt and seed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import Any

from w2sd_video.render.errors import InputError

from ..settings import VARIES, of_reflection, shared, spelled
from .clips import Clip, Folder, Key


@dataclass(frozen=True, eq=False)
class Column:
    """The clips of one setting.

    Attributes:
        clips: by prompt and seed.
        folders: where they are from.
        unproved: of these, the ones that have no clip in common with those before, so that nothing
            but settings tells that they are one column.
        label: its name in the comparison; empty until it has one.
    """

    clips: dict[Key, Clip]
    folders: tuple[Path, ...]
    unproved: tuple[Path, ...] = ()
    label: str = ""

    @property
    def reflected(self) -> bool:
        return next(iter(self.clips.values())).reflected

    @property
    def extrapolates(self) -> bool:
        return self.settings.get("reflection.mode") == "extrapolate"

    @property
    def evaluations(self) -> float:
        """Denoiser samples a clip; NaN where no ledger has them."""
        return _mean_known(clip.evaluations for clip in self.clips.values())

    @property
    def guidance(self) -> float:
        """Effective guidance, over the clips whose runs have logged it; NaN if none has."""
        return _mean_known(clip.guidance for clip in self.clips.values())

    @cached_property
    def settings(self) -> dict[str, Any]:
        """What its clips have in common, dotted; what they have not, as ``VARIES``."""
        return shared(clip.settings for clip in self.clips.values())

    @property
    def varying(self) -> list[str]:
        """Keys that are not the same for all its clips."""
        return [key for key, value in self.settings.items() if value == VARIES]


def _mean_known(values: Iterable[float]) -> float:
    known = [value for value in values if math.isfinite(value)]
    return fmean(known) if known else math.nan


def foremost(columns: Sequence[Column]) -> Column | None:
    """The first that is reflected; one that extrapolates, a baseline, only if no other is."""
    reflected = [column for column in columns if column.reflected]
    return next((c for c in reflected if not c.extrapolates), next(iter(reflected), None))


def columns_of(folders: Sequence[Folder]) -> list[Column]:
    """The columns of all folders, plain before reflected within each.

    The same setting in several folders is one column, unless nothing else were left to compare.

    Raises:
        InputError: if a column would have two clips of one prompt and seed, or there is but one.
    """
    apart = [column for folder in folders for column in _columns(folder)]
    merged: list[Column] = []
    for column in apart:
        for i, earlier in enumerate(merged):
            if _same(earlier, column):
                merged[i] = _joined(earlier, column)
                break
        else:
            merged.append(column)
    found = merged if len(merged) > 1 else apart
    if len(found) < 2:
        raise InputError(
            "all clips have one setting, so there is nothing to compare them with;"
            " render with --baseline, or name another folder",
            str(folders[0].path),
        )
    return found


def _joined(a: Column, b: Column) -> Column:
    """The clips of both; of the same clip in both, the first, or the one that has more scores."""
    clips = b.clips | {
        key: max(clip, b.clips.get(key, clip), key=lambda one: len(one.scores))
        for key, clip in a.clips.items()
    }
    unproved = () if a.clips.keys() & b.clips.keys() else b.folders
    return replace(a, clips=clips, folders=a.folders + b.folders, unproved=a.unproved + unproved)


def _columns(folder: Folder) -> Iterator[Column]:
    """One folder's columns: by what differs between its clips of the same prompt and seed.

    So a row's own size or length does not make a column, and a sweep's values do.
    """
    keys = _deciding(folder.clips)
    groups: dict[tuple[bool, str], dict[Key, Clip]] = {}
    for clip in folder.clips:
        values = spelled([clip.settings.get(key) for key in keys])
        group = groups.setdefault((clip.reflected, values), {})
        if clip.key in group:
            raise InputError(
                f"'{group[clip.key].name}' and '{clip.name}' are the same prompt, seed"
                f" {clip.seed}, and settings; move one of them away, or render them into folders"
                " of their own",
                str(folder.path),
            )
        group[clip.key] = clip
    for (_, _), clips in sorted(groups.items(), key=lambda group: group[0][0]):
        yield Column(clips, (folder.path,))


def _deciding(clips: Sequence[Clip]) -> list[str]:
    """Keys that differ between clips of one prompt and seed; of reflection, reflected ones."""
    pairs: dict[tuple[Key, bool], list[Clip]] = {}
    everything: dict[Key, list[Clip]] = {}
    for clip in clips:
        pairs.setdefault((clip.key, clip.reflected), []).append(clip)
        everything.setdefault(clip.key, []).append(clip)
    found: dict[str, None] = {}
    for group in everything.values():
        common = shared(clip.settings for clip in group)
        found |= {k: None for k, v in common.items() if v == VARIES and not of_reflection(k)}
    for (_, reflected), group in pairs.items():
        if reflected:
            common = shared(clip.settings for clip in group)
            found |= {k: None for k, v in common.items() if v == VARIES and of_reflection(k)}
    return sorted(found)


def _same(a: Column, b: Column) -> bool:
    """Whether two columns are one setting: nothing differs, weights included, as far as there are
    clips in common to tell."""
    if set(a.folders) & set(b.folders) or a.reflected != b.reflected or a.settings != b.settings:
        return False
    return all(a.clips[key].id == clip.id for key, clip in b.clips.items() if key in a.clips)
