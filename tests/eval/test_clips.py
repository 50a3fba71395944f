"""The clips of a folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from w2sd_video.eval.clips import find

from w2sd_video.render.errors import InputError

from .noise import write_clip


def test_loose_files(tmp_path: Path) -> None:
    write_clip(tmp_path / "a dog-1.mp4", 1, frames=6, fps=4)
    write_clip(tmp_path / "a well-known dog.mp4", 2)
    (tmp_path / "notes.txt").write_text("no clip")
    first, second = find(tmp_path)
    assert (first.prompt, first.side, first.frames, first.fps) == ("a dog", "", 6, 4.0)
    assert first.seconds == 1.5
    assert second.prompt == "a well-known dog"
    assert first.content != second.content


def test_what_is_no_clip(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        find(tmp_path / "no")
    with pytest.raises(InputError, match="has no MP4"):
        find(tmp_path)
    (tmp_path / "a.mp4").write_bytes(b"no video")
    with pytest.raises(InputError, match=r"a\.mp4: can't be read as a video"):
        find(tmp_path)
