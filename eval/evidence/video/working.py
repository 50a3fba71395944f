"""How clips are sampled for a study, what that costs, and what it has cost."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager

from w2sd_video.shapes import Kind

from ..embedded.working import Price, rendering_of, tell_cost
from .sampler import Clips, Embedded, Videos

NAMES: dict[Kind, str] = {"video": "video UNet", "dit": "video transformer"}
PRICE = Price("clips", each=0.18, evaluation=0.036)
BATCH = 8


def videos(kind: Kind, quick: bool) -> AbstractContextManager[Videos]:
    """See ``rendering_of``."""
    return rendering_of(kind, Embedded, quick, BATCH)


def say_cost(split: str, wanted: Iterable[Clips], processes: int) -> None:
    """What is planned, before it is sampled."""
    tell_cost(split, wanted, PRICE, processes)


def effort(rendering: Videos) -> str:
    """The same afterwards, as it was."""
    clips, evaluations, seconds = rendering.effort
    return (
        f"It took {clips:,} clips of {evaluations:,.0f} denoiser evaluations, the development "
        f"split included: {seconds / 60:.0f} minutes of one core. What clips of one prompt and "
        "seed have in common was evaluated once, and counts in each."
    )
