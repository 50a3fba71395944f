"""The images of a folder: rendered ones by its ledger, others by their files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps
from w2sd_video.eval.results import digest

from w2sd_video.render.errors import InputError
from w2sd_video.render.record.folder import rows

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


@dataclass(frozen=True)
class Picture:
    """One image as it is now.

    Attributes:
        side: "plain" or "reflected", or nothing.
        content: SHA-256 of the file.
        has_prompt: whether the file itself has the prompt in it, so that another prompt would be
            another file.
    """

    path: Path
    prompt: str
    side: str
    content: str
    has_prompt: bool

    def rgb(self) -> Image.Image:
        """Its pixels, upright.

        Raises:
            InputError: if it can't be read.
        """
        try:
            with Image.open(self.path) as image:
                return ImageOps.exif_transpose(image).convert("RGB")
        except (OSError, ValueError, SyntaxError) as error:
            raise _unreadable(self.path, error) from None


def find(folder: Path, where: str = "") -> list[Picture]:
    """Every image of a rendered folder that is done, or every one of another, in order of names.

    Without a ledger the prompt is what a PNG rendered here says of itself, or else the file's name:
    ``PROMPT-0.png``.

    Args:
        where: the option that names the folder, if one does.

    Raises:
        InputError: if there are none, or one can't be read.
    """
    if not folder.is_dir():
        raise InputError("no such folder", str(folder), key=where)
    has_ledger = [*folder.glob("ledger.sqlite"), *folder.glob("ledger-*.sqlite")]
    found = list(_rendered(folder) if has_ledger else _loose(folder))
    if not found:
        videos = any(folder.glob("*.mp4")) or any(folder.glob("clips/*.mp4"))
        advice = "; clips are scored with --suite vbench" if videos else ""
        raise InputError(f"has no images to score{advice}", str(folder), key=where)
    return found


def _rendered(folder: Path) -> Iterator[Picture]:
    done: Iterable[dict[str, Any]] = (row for row in rows(folder) if row["state"] == "done")
    for row in sorted(done, key=lambda row: str(row["name"])):
        path = folder / "clips" / f"{row['name']}.png"
        if not path.with_suffix(".mp4").exists():  # whose preview a PNG beside it would be
            yield Picture(path.absolute(), row["prompt"], row["kind"], _digest(path), True)


def _loose(folder: Path) -> Iterator[Picture]:
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in SUFFIXES and not path.name.startswith("."):
            said = _said(path)
            prompt = re.sub(r"-\d+$", "", path.stem) if said is None else said
            yield Picture(path.absolute(), prompt, "", _digest(path), said is not None)


def _said(path: Path) -> str | None:
    """The prompt that the renderer has written into a PNG."""
    try:
        with Image.open(path) as image:
            said = json.loads(str(image.info.get("comment", "")))
    except json.JSONDecodeError:
        return None
    except (OSError, ValueError, SyntaxError) as error:
        raise _unreadable(path, error) from None
    prompt = said.get("prompt") if isinstance(said, dict) else None
    return prompt if isinstance(prompt, str) else None


def _digest(path: Path) -> str:
    try:
        return digest(path)
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> InputError:
    reason = getattr(error, "strerror", None) or str(error)
    return InputError(f"can't be read as an image: {reason}", str(path))
