"""Which clips are too long or too short to be looked at."""

from __future__ import annotations

from collections.abc import Iterable

from w2sd_video.eval.clips import Clip
from w2sd_video.eval.vbench.dimensions import LIMIT, Dimension

from w2sd_video.render.errors import InputError


def check_lengths(clips: Iterable[Clip]) -> None:
    """See that clips are of a length that the standard mode is made for.

    Raises:
        InputError: for the first that is too long.
    """
    for clip in clips:
        if clip.seconds >= LIMIT:
            raise InputError(
                f"lasts {clip.seconds:.1f} s; VBench's standard mode is for clips shorter than"
                f" {LIMIT:g} s, and longer ones belong to VBench-Long; use --mode custom to score"
                " it all the same",
                str(clip.path),
            )


def looked_at(clip: Clip) -> int:
    """Frames that dynamic_degree looks at: eight a second, if the file has more."""
    return len(range(0, clip.frames, max(1, round(clip.fps / 8))))


def too_short(clip: Clip, dimension: Dimension) -> str:
    """Why a dimension can't look at a clip, if so."""
    frames = looked_at(clip) if dimension.name == "dynamic_degree" else clip.frames
    if frames >= dimension.frames:
        return ""
    looked = f" that it looks at, of {clip.frames}" if frames != clip.frames else ""
    return f"{clip.path} has {frames} frames{looked}, and it needs {dimension.frames}"
