"""Clips that are done under another name than their jobs have now are moved to it.

A name made from a prompt depends on the rest of the list: on other prompts like it, on sweeps, on
the number of seeds.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

from w2sd_video.render.errors import RunError
from w2sd_video.render.files.atomic import part_of
from w2sd_video.render.jobs.job import Job
from w2sd_video.render.record.ledger import Entry

# Of all files that a clip may have had. The last says whose they are, so it stays to the end:
# of a run that was killed in between, the next goes on.
KINDS = ("mp4", "gif", "webp", "png", "json")


def move(jobs: list[Job], folder: Path, entries: dict[str, Entry], share: bool) -> list[Job]:
    """Move clips to their jobs' names, and return the jobs whose clips were moved.

    A clip of no job listed is replaced, as it would be by rendering; but a share, which knows only
    its own jobs, leaves it, and its own clip is to be rendered.

    Raises:
        RunError: if the folder does not allow it.
    """
    clips = folder / "clips"
    moves = to_move(jobs, folder, entries)
    moved: list[Job] = []
    try:
        for start in list(moves):
            if start in moves:
                moved += _move_chain(clips, start, moves, share)
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


def _move_chain(clips: Path, start: str, moves: dict[str, Job], share: bool) -> list[Job]:
    """Move a clip, after the one that is in its place, after the one that is in that one's."""
    chain = [start]
    while (end := moves[chain[-1]].name) in moves and end != start:
        chain.append(end)
    sources = {name: _files(clips, name) for name in chain}
    if end == start:  # they go round in a circle
        aside = {kind: part_of(path) for kind, path in sources[start].items()}
        _put(sources[start], aside)
        sources[start] = aside
    elif _owner(clips, end) not in (None, moves[chain[-1]].id):
        if share:
            for name in chain:
                del moves[name]
            return []
        for path in _files(clips, end).values():
            path.unlink(missing_ok=True)
    jobs = [moves.pop(name) for name in reversed(chain)]
    for name, job in zip(reversed(chain), jobs, strict=True):
        _put(sources[name], _files(clips, job.name))
    return jobs


def _files(clips: Path, name: str) -> dict[str, Path]:
    return {kind: clips / f"{name}.{kind}" for kind in KINDS}


def _put(source: dict[str, Path], target: dict[str, Path]) -> None:
    for kind in KINDS:
        with suppress(FileNotFoundError):
            os.replace(source[kind], target[kind])


def _owner(clips: Path, name: str) -> str | None:
    """The id of the job whose clip has that name; None if that can't be told."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        return str(json.loads((clips / f"{name}.json").read_text("utf-8"))["id"])
    return None
