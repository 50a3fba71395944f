"""Files that are there whole or not at all, whoever else writes or reads them."""

from __future__ import annotations

import hashlib
import os
import socket
from contextlib import suppress
from pathlib import Path

from w2sd_video.render.errors import RunError


def part_of(path: Path) -> Path:
    """Where this process writes what is to be moved to a place when it is whole."""
    name = path.name
    if len(name.encode()) > 180:  # file systems take names of 255 bytes
        name = hashlib.sha256(name.encode()).hexdigest() + path.suffix
    return path.with_name(f".{name}.{socket.gethostname()[:40]}-{os.getpid()}.part")


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file that others may be writing or reading, too.

    Raises:
        RunError: if there is no room for it.
    """
    part = part_of(path)
    try:
        part.write_bytes(content.encode() if isinstance(content, str) else content)
        os.replace(part, path)
    except OSError as error:
        raise RunError(f"{path}: can't be written: {error.strerror}") from None
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
