"""Which clips can be looked at."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from w2sd_video.eval.clips import Clip
from w2sd_video.eval.vbench.dimensions import DIMENSIONS
from w2sd_video.eval.vbench.lengths import check_lengths, looked_at, too_short

from w2sd_video.render.errors import InputError

CLIP = Clip("a-0", Path("/x/a-0.mp4"), "a", "", "0", frames=16, fps=8.0)


def test_long_clips() -> None:
    check_lengths([CLIP, replace(CLIP, frames=39)])
    with pytest.raises(InputError, match=r"a-0\.mp4: lasts 5\.0 s; .* VBench-Long"):
        check_lengths([CLIP, replace(CLIP, frames=40)])


def test_the_frame_rate_decides_what_dynamic_degree_looks_at() -> None:
    dynamic = DIMENSIONS["dynamic_degree"]
    assert looked_at(CLIP) == 16
    assert looked_at(replace(CLIP, fps=24.0)) == 6
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
