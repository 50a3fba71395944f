"""Which clips of a folder a dimension is scored on."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

import yaml
from w2sd_video.eval.clips import Clip
from w2sd_video.eval.errors import NotThere
from w2sd_video.eval.vbench.dimensions import SAMPLES, Dimension
from w2sd_video.eval.vbench.suite import OFFICIAL, Entry, Suite

from w2sd_video.render.errors import InputError

Mode = Literal["standard", "custom"]


def rendered_suite(folder: Path) -> Suite | None:
    """The suite that a folder was rendered from, if it was."""
    try:
        given = yaml.safe_load((folder / "run.yaml").read_text("utf-8"))["given"]
        return Suite.read(given["suite"]) if given.get("suite") else None
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError, InputError):
        return None


def mode_of(asked: str, suite: Suite | None) -> Mode:
    """The mode asked for; ``auto`` is standard for what was rendered from the official suite.

    Raises:
        InputError: for one that there isn't.
    """
    if asked == "auto":
        return "standard" if suite and suite.name == OFFICIAL else "custom"
    if asked == "standard":
        return "standard"
    if asked == "custom":
        return "custom"
    raise InputError(f"must be auto, standard or custom, got '{asked}'", "--mode")


def members(
    dimension: Dimension, clips: Iterable[Clip], mode: Mode, official: Iterable[Entry]
) -> list[Clip]:
    """Standard: the clips of a dimension's own prompts, complete. Custom: every clip.

    Raises:
        NotThere: if clips are missing, or it knows nothing about prompts that are not its own.
    """
    if mode == "custom":
        if dimension.own_prompts:
            raise NotThere("is for VBench's own prompts only (--mode standard)")
        return list(clips)
    prompts = [entry.prompt for entry in official if dimension.name in entry.dimensions]
    found = [clip for clip in clips if clip.prompt in {*prompts}]
    if not found:
        raise NotThere(f"none of its {len(prompts)} prompts has a clip; render them first")
    for side, counts in _by_side(found).items():
        most = max(counts.values())
        lacking = [prompt for prompt in prompts if counts[prompt] < most]
        if lacking:
            of_side = f"{side} clips" if side else "clips"
            total = sum(most - counts[prompt] for prompt in lacking)
            raise NotThere(
                f"{total} of {most * len(prompts)} {of_side} are not there, such as"
                f" '{lacking[0]}'; render them, or score what there is with --mode custom"
            )
    return found


def _by_side(clips: Iterable[Clip]) -> Mapping[str, Counter[str]]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for clip in clips:
        counts[clip.side][clip.prompt] += 1
    return counts


def clips_a_prompt(clips: Iterable[Clip]) -> list[int]:
    """How many clips of a side prompts have: every number that there is, once."""
    return sorted({n for counts in _by_side(clips).values() for n in counts.values()})


def mixed_sides(clips: Iterable[Clip]) -> list[str]:
    """Sides whose clips were rendered with several settings: a run that was changed and cut off."""
    found: dict[str, set[str]] = defaultdict(set)
    for clip in clips:
        found[clip.side].add(clip.settings)
    return sorted(side for side, settings in found.items() if len(settings) > 1)


def still_ones(clips: Iterable[Clip], static: Mapping[str, float]) -> list[Clip]:
    """What the official filter keeps for temporal_flickering: of each prompt and side the first
    five that are still, in the order of their files' names.

    Args:
        static: by content, whether a clip is still.
    """
    kept: dict[tuple[str, str], list[Clip]] = defaultdict(list)
    for clip in sorted(clips, key=lambda clip: str(clip.path)):
        if static[clip.content] and len(kept[clip.side, clip.prompt]) < SAMPLES:
            kept[clip.side, clip.prompt].append(clip)
    return [clip for group in kept.values() for clip in group]
