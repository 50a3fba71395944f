"""The clips of a folder, and which of them can be looked at."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from w2sd_video.eval.vbench.clips import Clip, check_lengths, find, too_short
from w2sd_video.eval.vbench.dimensions import DIMENSIONS

from w2sd_video.render.errors import InputError

from .conftest import write_clip


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


CLIP = Clip("a-0", Path("/x/a-0.mp4"), "a", "", "0", frames=16, fps=8.0)


def test_long_clips() -> None:
    check_lengths([CLIP, replace(CLIP, frames=39)])
    with pytest.raises(InputError, match=r"a-0\.mp4: lasts 5\.0 s; .* VBench-Long"):
        check_lengths([CLIP, replace(CLIP, frames=40)])


def test_the_frame_rate_decides_what_dynamic_degree_looks_at() -> None:
    dynamic = DIMENSIONS["dynamic_degree"]
    assert CLIP.looked_at == 16
    assert replace(CLIP, fps=24.0).looked_at == 6
    assert not too_short(CLIP, dynamic)
    assert too_short(replace(CLIP, fps=80.0), dynamic) == (
        "/x/a-0.mp4 has 2 frames that it looks at, of 16, and it needs 3"
    )


def test_single_frames_have_no_consistency() -> None:
    image = replace(CLIP, frames=1)
    refused = {name for name, d in DIMENSIONS.items() if too_short(image, d)}
    assert refused == {
        "subject_consistency",
        "background_consistency",
        "temporal_flickering",
        "motion_smoothness",
        "dynamic_degree",
    }
