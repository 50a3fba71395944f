"""Holm's correction of a study's claims, and what becomes of them."""

from __future__ import annotations

import math
from collections.abc import Iterable

from w2sd_video.eval.compare.statistics import holm

from .result import OPEN, Claim


def corrected(claims: Iterable[Claim]) -> list[Claim]:
    """The same with p's by Holm's method, over all that have one."""
    listed = [*claims]
    p = holm([math.nan if claim.p is None else claim.p for claim in listed])
    return [
        claim.model_copy(update={"p": None if math.isnan(value) else value})
        for claim, value in zip(listed, p, strict=True)
    ]


def told(claims: Iterable[Claim]) -> str:
    """What the correction has left of the verdicts that intervals alone would give."""
    tested = [claim for claim in claims if claim.p is not None]
    decided = [claim for claim in tested if claim.by_interval != OPEN]
    lost = [
        f"“{claim.text}” ({claim.row}; {claim.by_interval})"
        for claim in decided
        if claim.verdict == OPEN
    ]
    many = f"Holm's correction for {len(tested)} claims"
    if not decided:
        return f"Nothing holds and nothing is refuted, neither with {many} nor without."
    if lost:
        return f"Decided by their own intervals, but open with {many}: {', '.join(lost)}."
    return f"What holds or is refuted is so with {many}."
