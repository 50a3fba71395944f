"""What every study on the embedded video models works with, and what it says of its cost."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from w2sd_video.render.errors import InputError
from w2sd_video.shapes import FOLDERS, Kind

from .rendering import Rendering
from .sampler import Clips, Embedded, Videos
from .store import fingerprint, key

NAMES: dict[Kind, str] = {"video": "video UNet", "dit": "video transformer"}
CLIPS = Path("evidence") / "clips"  # what was measured, a line a clip; studies share it
PROCESSES = 8  # at most; each has its own copy of the models
A_CLIP, AN_EVALUATION = 0.18, 0.036  # seconds of one core of a small server


@contextmanager
def rendering_of(kind: Kind, quick: bool) -> Iterator[Videos]:
    """Of a kind's shipped models; nothing of a quick one is kept.

    Raises:
        InputError: if there are none.
    """
    if not FOLDERS[kind].exists():
        raise InputError(f"no weights of the shapes model '{kind}' in {FOLDERS[kind]}")
    models = fingerprint(kind)
    with tempfile.TemporaryDirectory() as temporary:
        yield Rendering(
            sampler=Embedded(kind, models),
            key=partial(key, models),
            folder=Path(temporary) if quick else CLIPS / kind,
            processes=1 if quick else min(PROCESSES, os.cpu_count() or 1),
        )


def say_cost(what: str, wanted: Iterable[Clips], processes: int) -> None:
    """What is planned, before it is sampled."""
    listed = [*wanted]
    clips = sum(len(one.pairs) for one in listed)
    evaluations = sum(one.evaluations for one in listed)
    minutes = (A_CLIP * clips + AN_EVALUATION * evaluations) / processes / 60
    print(
        f"{what}: {clips:,} clips, {evaluations:,} denoiser evaluations, about {minutes:.0f} min "
        f"of {processes} cores if none of it is there yet",
        file=sys.stderr,
        flush=True,
    )


def effort(rendering: Videos) -> str:
    """The same afterwards, as it was."""
    clips, evaluations, seconds = rendering.effort
    return (
        f"It took {clips:,} clips and {evaluations:,.0f} denoiser evaluations, the development "
        f"split included: {seconds / 60:.0f} minutes of one core."
    )
