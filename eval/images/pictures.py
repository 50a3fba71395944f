"""The images of a folder: rendered ones by its ledger, others by their files."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Container, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps
from w2sd_video.eval.results import Results, digest

from w2sd_video.render.errors import InputError
from w2sd_video.render.record.folder import rows

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
# What Pillow raises for files that are broken, or too large to be meant.
BROKEN = (OSError, ValueError, SyntaxError, struct.error, Image.DecompressionBombError)


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
                upright = ImageOps.exif_transpose(image)
                if upright.mode.startswith("I"):
                    upright = _of_8_bits(upright)
                return upright.convert("RGB")
        except BROKEN as error:
            raise _unreadable(self.path, error) from None


@dataclass(frozen=True)
class _Listed:
    """A file that should be an image; of rendered ones prompt and side are known."""

    path: Path
    prompt: str | None = None
    side: str = ""


@dataclass
class Found:
    """The images of a folder.

    Attributes:
        unreadable: those that can't be read, why, each in one line; they are left out.
    """

    pictures: list[Picture] = field(default_factory=list)
    unreadable: list[InputError] = field(default_factory=list)


def find(folder: Path, where: str = "") -> Found:
    """Every image of a rendered folder that is done, or every one of another, in order of names.

    Without a ledger the prompt is what a PNG rendered here says of itself, or else the file's name:
    ``PROMPT-0.png``.

    Images are looked at to their end, so that a broken one is known before any model is loaded; but
    not those that have a score here, which were read for it.

    Args:
        where: the option that names the folder, if one does.

    Raises:
        InputError: if there are none, or none can be read.
    """
    if not folder.is_dir():
        raise InputError("no such folder", str(folder), key=where)
    has_ledger = [*folder.glob("ledger.sqlite"), *folder.glob("ledger-*.sqlite")]
    found = Found()
    listed = [*(_rendered(folder) if has_ledger else _loose(folder))]
    with Results(folder, read_only=True) as results:
        known = results.latest()
    with ThreadPoolExecutor() as pool:
        for picture in pool.map(lambda one: _looked_at(one, known), listed):
            if isinstance(picture, Picture):
                found.pictures.append(picture)
            else:
                found.unreadable.append(picture)
    if not listed:
        videos = any(folder.glob("*.mp4")) or any(folder.glob("clips/*.mp4"))
        advice = "; clips are scored with --suite vbench" if videos else ""
        raise InputError(f"has no images to score{advice}", str(folder), key=where)
    if not found.pictures:
        raise found.unreadable[0]
    return found


def _rendered(folder: Path) -> Iterator[_Listed]:
    done: Iterable[dict[str, Any]] = (row for row in rows(folder) if row["state"] == "done")
    for row in sorted(done, key=lambda row: str(row["name"])):
        path = folder / "clips" / f"{row['name']}.png"
        if not path.with_suffix(".mp4").exists():  # whose preview a PNG beside it would be
            yield _Listed(path, row["prompt"], row["kind"])


def _loose(folder: Path) -> Iterator[_Listed]:
    for path in sorted(folder.iterdir()):
        is_image = path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
        if is_image and not path.is_dir():
            yield _Listed(path)


def _looked_at(listed: _Listed, known: Container[str]) -> Picture | InputError:
    """An image, or why it can't be read. ``known`` are contents that were read before."""
    path = listed.path
    try:
        content = digest(path)
        said = _said(path) if listed.prompt is None else listed.prompt
        prompt = re.sub(r"-\d+$", "", path.stem) if said is None else said
        picture = Picture(path.absolute(), prompt, listed.side, content, said is not None)
        if content not in known:
            picture.rgb()
    except InputError as error:
        return error
    except OSError as error:
        return _unreadable(path, error)
    return picture


def _said(path: Path) -> str | None:
    """The prompt that the renderer has written into a PNG."""
    try:
        with Image.open(path) as image:
            said = json.loads(str(image.info.get("comment", "")))
    except json.JSONDecodeError:
        return None
    except BROKEN as error:
        raise _unreadable(path, error) from None
    prompt = said.get("prompt") if isinstance(said, dict) else None
    return prompt if isinstance(prompt, str) else None


def _of_8_bits(image: Image.Image) -> Image.Image:
    """Gray of 16 bits, of which Pillow's own conversion takes all but the darkest for white."""
    return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))


def _unreadable(path: Path, error: Exception) -> InputError:
    reason = getattr(error, "strerror", None) or str(error)
    return InputError(f"can't be read as an image: {reason}", str(path))
