"""What clips are going to cost, told before they are sampled."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any, NamedTuple, TypeVar

from .rendering import Costs, Wanted

C = TypeVar("C", bound=Costs)


class Price(NamedTuple):
    """Seconds of one core of a small server: of each clip or still, and of an evaluation."""

    what: str
    each: float
    evaluation: float


def tell_cost(name: str, wanted: Iterable[Wanted[C, Any]], price: Price, processes: int) -> None:
    """What is planned, before it is sampled."""
    from w2sd_video.shapes.precision import has_bf16

    slow = "" if has_bf16("cpu") else " that have bfloat16, several times that on this"
    listed = [*wanted]
    count = sum(len(one.pairs) for one in listed)
    evaluations = sum(one.evaluations for one in listed)
    minutes = (price.each * count + price.evaluation * evaluations) / processes / 60
    print(
        f"{name}: {count:,} {price.what}, {evaluations:,} denoiser evaluations, about "
        f"{minutes:.0f} min of {processes} cores{slow}, if none of it is there yet",
        file=sys.stderr,
        flush=True,
    )
