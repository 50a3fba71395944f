"""The clips of a folder: rendered ones by its ledger, others by their files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from w2sd_video.eval.results import digest, of_prompt
from w2sd_video.eval.settings import flat, spelled

from w2sd_video.render.errors import InputError
from w2sd_video.render.media.video import opened
from w2sd_video.render.record.folder import rows

CLIPS = ""  # the side of clips that are neither plain nor reflected, as far as is known
OTHERS = (".avi", ".gif", ".m4v", ".mkv", ".mov", ".webm")  # clips, but none that is scored


@dataclass(frozen=True)
class Clip:
    """One clip as it is now.

    Attributes:
        name: without suffix.
        side: "plain" or "reflected", or nothing.
        content: SHA-256 of the file.
        fps: frames a second, as the file says.
        settings: one spelling of what it was rendered with, but for prompt and seed; empty where
            no ledger tells.
    """

    name: str
    path: Path
    prompt: str
    side: str
    content: str
    frames: int
    fps: float
    settings: str = ""

    @property
    def seconds(self) -> float:
        return self.frames / self.fps

    def judged_by(self, source: str) -> str:
        """The source of a score that depends on the prompt, which a rendered clip has in it."""
        return source if self.side else of_prompt(source, self.prompt)


def find(folder: Path) -> list[Clip]:
    """Every clip of a rendered folder that is done, or every MP4 of another, in order of names.

    Without a ledger the prompt is what an MP4 rendered here says of itself, or else the file's
    name, as VBench has it: ``PROMPT-0.mp4``.

    Raises:
        InputError: if there are none, or one can't be read.
    """
    if not folder.is_dir():
        raise InputError("no such folder", str(folder))
    found = _rendered(folder) if _has_ledger(folder) else _loose(folder)
    clips = [_look(path.absolute(), prompt, side, own) for path, prompt, side, own in found]
    if not clips:
        raise InputError("has no MP4 to score", str(folder))
    return clips


def skipped(folder: Path) -> str:
    """What ``find`` leaves out that is a clip, too, in one line; empty if there is nothing.

    A GIF beside an MP4 of its name is a preview, and none.
    """
    if not folder.is_dir() or _has_ledger(folder):
        return ""
    found = [
        path for path in sorted(folder.iterdir())
        if path.suffix.lower() in OTHERS and not path.name.startswith(".")
        and not path.with_suffix(".mp4").exists()
    ]  # fmt: skip
    if not found:
        return ""
    kinds = ", ".join(sorted({path.suffix.lower() for path in found}))
    files = "1 clip is" if len(found) == 1 else f"{len(found)} clips are"
    return f"{files} not scored, since only MP4 is: {kinds}, such as {found[0].name}"


def _has_ledger(folder: Path) -> bool:
    return bool([*folder.glob("ledger.sqlite"), *folder.glob("ledger-*.sqlite")])


def _rendered(folder: Path) -> Iterable[tuple[Path, str | None, str, str]]:
    done: list[dict[str, Any]] = [row for row in rows(folder) if row["state"] == "done"]
    for row in sorted(done, key=lambda row: str(row["name"])):
        path = folder / "clips" / f"{row['name']}.mp4"
        if path.exists() or not path.with_suffix(".png").exists():  # of images there is none
            yield path, row["prompt"], row["kind"], spelled(flat(row["config"]))


def _loose(folder: Path) -> Iterable[tuple[Path, str | None, str, str]]:
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() == ".mp4" and not path.name.startswith("."):
            yield path, None, CLIPS, ""


def _look(path: Path, prompt: str | None, side: str, settings: str) -> Clip:
    try:
        with opened(path) as container:
            stream = container.streams.video[0]
            frames = stream.frames or sum(1 for _ in container.decode(stream))
            fps = float(stream.average_rate or 0)
            if prompt is None:
                prompt = _said(container.metadata) or re.sub(r"-\d+$", "", path.stem)
        content = digest(path)
    except (OSError, ValueError, IndexError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"can't be read as a video: {reason}", str(path)) from None
    if not frames or not fps:
        raise InputError("has no frames, or no frame rate", str(path))
    return Clip(path.stem, path, prompt, side, content, frames, fps, settings)


def _said(tags: Mapping[str, str]) -> str | None:
    """The prompt that the renderer has written into an MP4."""
    try:
        said = json.loads(tags.get("comment", ""))
    except ValueError:
        return None
    # Other programs write comments with a prompt in them, too, but of no pair.
    ours = isinstance(said, dict) and "pair" in said and isinstance(said.get("prompt"), str)
    return said["prompt"] if ours else None
