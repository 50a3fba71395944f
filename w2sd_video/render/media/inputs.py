"""The files that a clip is made from: found and tried before anything is rendered, then read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image

IMAGE_KEYS = ("image", "last_image", "ip_adapter_image")
VIDEO_KEYS = ("video", "conditioning_frames")
KEYS = (*IMAGE_KEYS, *VIDEO_KEYS)


@cache
def problem(key: str, path: str) -> str | None:
    """Why the file that a key names can't be used; None if it can.

    Images are decoded whole, of a video the first frame.
    """
    if not Path(path).exists():
        return f"no such file: {path}"
    if key in IMAGE_KEYS and Path(path).is_dir():
        return f"is a folder, not an image: {path}"
    try:
        if key in IMAGE_KEYS or Path(path).is_dir():
            load(key, path)
        else:
            next(_frames(Path(path)))
    except Exception as error:  # decoders have many
        what = "a video or a folder of images" if key in VIDEO_KEYS else "an image"
        return f"can't be read as {what}: {path} ({_reason(error)})"
    return None


def _reason(error: Exception) -> str:
    """What a library says, without the path and the codes around it."""
    if type(error).__name__ == "UnidentifiedImageError":
        return "of no known format"
    return str(getattr(error, "strerror", None) or error)


@cache
def fingerprint(path: str) -> str:
    """A hash of the content, so that a clip is known by what it is made from."""
    digest = hashlib.sha256()
    for file in _files(Path(path)):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def load(key: str, path: str) -> Any:
    """An image, or a list of them: the frames of a video or the files of a folder in order."""
    return load_image(Path(path)) if key in IMAGE_KEYS else load_frames(Path(path))


def load_image(path: Path) -> Image:
    """An image file as RGB, turned as its camera says.

    Raises:
        OSError, ValueError, SyntaxError: if it is damaged or none.
    """
    from PIL import Image, ImageOps

    with Image.open(path) as image:
        return ImageOps.exif_transpose(image).convert("RGB")


def load_frames(path: Path) -> list[Image]:
    """The frames of a video or an animation, or the images of a folder by name.

    Raises:
        OSError, ValueError, SyntaxError: if there are none, or one is damaged.
    """
    return list(_frames(path))


def _frames(path: Path) -> Iterator[Image]:
    from PIL import Image, UnidentifiedImageError

    if path.is_dir():
        if not _files(path):
            raise ValueError("it is empty")
        yield from map(load_image, _files(path))
        return
    try:
        with Image.open(path) as image:
            for i in range(getattr(image, "n_frames", 1)):
                image.seek(i)
                yield image.convert("RGB")
    except UnidentifiedImageError:
        from w2sd_video.render.media.video import stream_frames

        yield from map(Image.fromarray, stream_frames(path))


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return sorted(p for p in path.iterdir() if p.is_file() and not p.name.startswith("."))
