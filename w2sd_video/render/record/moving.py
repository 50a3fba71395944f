"""Clips that are done under another name than their jobs have now are moved to it.

A name made from a prompt depends on the rest of the list: on other prompts like it, on sweeps, on
the number of seeds.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from w2sd_video.render.errors import RunError
from w2sd_video.render.files import KINDS
from w2sd_video.render.files.atomic import part_of
from w2sd_video.render.jobs.job import Job
from w2sd_video.render.record.ledger import Entry


@dataclass
class Moved:
    """What has another name now.

    Attributes:
        jobs: those whose clips were moved.
        aside: of clips of no job listed, whose names these took: the new name by the job's id.
    """

    jobs: list[Job] = field(default_factory=list)
    aside: dict[str, str] = field(default_factory=dict)


def move(jobs: list[Job], folder: Path, entries: dict[str, Entry], share: bool) -> Moved:
    """Move clips to their jobs' names.

    A clip of no job listed that has such a name takes the one that gets free; but a share, which
    knows only its own jobs, leaves it where it is, and its own clip is to be rendered.

    Raises:
        RunError: if the folder does not allow it.
    """
    clips = folder / "clips"
    moves = to_move(jobs, folder, entries)
    moved = Moved()
    try:
        for start in list(moves):
            if start in moves:
                _move_chain(clips, start, moves, share, moved)
    except OSError as error:
        raise RunError(f"{clips}: {error.strerror}; clips can't be moved to new names") from None
    return moved


def to_move(jobs: list[Job], folder: Path, entries: dict[str, Entry]) -> dict[str, Job]:
    """Which jobs' clips are there under another name, by that name."""
    moves: dict[str, Job] = {}
    for job in jobs:
        entry = entries.get(job.id)
        if not entry or entry.state != "done" or entry.name == job.name:
            continue
        if _owner(folder / "clips", entry.name) == job.id:
            moves[entry.name] = job
    return moves


def _move_chain(clips: Path, start: str, moves: dict[str, Job], share: bool, moved: Moved) -> None:
    """Move a clip, after the one that is in its place, after the one that is in that one's."""
    chain = [start]
    while (end := moves[chain[-1]].name) in moves and end != start:
        chain.append(end)
    sources = {name: _files(clips, name) for name in chain}
    other = _owner(clips, end)
    if end == start:  # they go round in a circle
        sources[start] = _put_aside(sources[start])
    elif other is not None and other != moves[chain[-1]].id:
        if share:
            for name in chain:
                del moves[name]
            return
        moved.aside[other] = start
    in_the_way = _put_aside(_files(clips, end)) if other in moved.aside else {}
    for name in reversed(chain):
        job = moves.pop(name)
        _put(sources[name], _files(clips, job.name))
        moved.jobs.append(job)
    _put(in_the_way, _files(clips, start))


def _files(clips: Path, name: str) -> dict[str, Path]:
    return {kind: clips / f"{name}.{kind}" for kind in KINDS}


def _put_aside(source: dict[str, Path]) -> dict[str, Path]:
    aside = {kind: part_of(path) for kind, path in source.items()}
    _put(source, aside)
    return aside


def _put(source: dict[str, Path], target: dict[str, Path]) -> None:
    for kind in source:  # what says whose they are at last: after a killed run, the next goes on
        with suppress(FileNotFoundError):
            os.replace(source[kind], target[kind])


def _owner(clips: Path, name: str) -> str | None:
    """The id of the job whose clip has that name; None if that can't be told."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        return str(json.loads((clips / f"{name}.json").read_text("utf-8"))["id"])
    return None
