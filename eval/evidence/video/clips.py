"""How clips are sampled for a study, what that costs, and what it has cost."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager

from w2sd_video.shapes import Kind

from ..embedded.clips import rendering_of
from ..embedded.price import Price, tell_cost
from ..embedded.record import Record
from .sampler import Clips, Embedded, Videos

NAMES: dict[Kind, str] = {"video": "video UNet", "dit": "video transformer"}
PRICES: dict[Kind, Price] = {
    "video": Price("clips", each=0.18, evaluation=0.036),
    "dit": Price("clips", each=0.18, evaluation=0.087),
}
BATCH = 8


def videos(kind: Kind, quick: bool, recorded: Record | None) -> AbstractContextManager[Videos]:
    """See ``rendering_of``."""
    return rendering_of(kind, Embedded, quick, BATCH, recorded)


def say_cost(kind: Kind, split: str, wanted: Iterable[Clips], rendering: Videos) -> None:
    """What is planned, before it is sampled; of what is recorded little or nothing is."""
    if not rendering.recorded:
        tell_cost(split, wanted, PRICES[kind], rendering.processes)


def effort(rendering: Videos) -> str:
    """The same afterwards, as it was."""
    clips, evaluations, seconds = rendering.effort
    return (
        f"It took {clips:,} clips of {evaluations:,.0f} denoiser evaluations, the development "
        f"split included: {seconds / 60:.0f} minutes of one core. What clips of one prompt and "
        "seed have in common was evaluated once, and counts in each."
    )
