"""Whether the files beside a clip are whole, as far as a look at their ends tells."""

from __future__ import annotations

import json
from pathlib import Path

PNG_END = b"\0\0\0\0IEND\xaeB`\x82"


def ends_well(path: Path) -> bool:
    """Whether a preview or a JSON is there to its end; it is not decoded, which takes long."""
    try:
        if path.suffix == ".json":
            json.loads(path.read_text("utf-8"))
            return True
        return _preview_ends_well(path)
    except (OSError, ValueError):
        return False


def _preview_ends_well(path: Path) -> bool:
    size = path.stat().st_size
    with path.open("rb") as file:
        if path.suffix == ".webp":  # says its length: RIFF, four bytes of it, and the rest
            return int.from_bytes(file.read(8)[4:], "little") + 8 == size
        end = PNG_END if path.suffix == ".png" else b";"  # of a GIF
        file.seek(max(0, size - len(end)))
        return file.read() == end
