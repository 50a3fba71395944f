"""What is judged of a kind of difference, and what it is held against for as many evaluations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...embedded.rendering import as_dear
from ..columns import Column, Partner, plain_with

# How each kind of difference is set.
KINDS: dict[Partner, str] = {
    "weights": "weights",
    "guidance": "guidance (weak: 1)",
    "weights and guidance": "weights and guidance (weak: 1)",
    "still": "layers over time (weak: off)",
}


def reflected(partner: Partner) -> str:
    return f"{KINDS[partner]}: reflected"


def alone(partner: Partner) -> str:
    return f"{KINDS[partner]}: strong alone at the guidance chosen for it"


def guided(partner: Partner) -> str:
    return f"{KINDS[partner]}: strong alone at the same guidance"


def beside(partner: Partner, guidance: float) -> str:
    return f"{KINDS[partner]}: strong alone at guidance {guidance:g}"


def extrapolated(partner: Partner) -> str:
    return f"{KINDS[partner]}: extrapolate at the same guidance"


def arms(
    partner: Partner, best: Column, strong: float, others: Sequence[float] = ()
) -> dict[str, Column]:
    """By label, the reflection first.

    Args:
        best: the kind's best settings.
        strong: the guidance that is best for strong alone.
        others: guidances of strong alone that are shown beside; what is an arm anyway is left out.
    """
    more = replace(best, mode="extrapolate")
    columns = {
        reflected(partner): best,
        alone(partner): plain_with(best.evaluations, strong),
        guided(partner): plain_with(best.evaluations, best.guidance),
        extrapolated(partner): as_dear(lambda n: replace(more, steps=n), best.evaluations),
    }
    if best.guidance == strong:
        del columns[guided(partner)]  # it is strong alone
    for guidance in others:
        if guidance not in (strong, best.guidance):
            columns[beside(partner, guidance)] = plain_with(best.evaluations, guidance)
    return columns


def told(column: Column) -> str:
    """The settings of a reflection."""
    return (
        f"{column.mode}, {column.share:.0%} of {column.steps} steps, gap {column.gap:g}, "
        f"guidance {column.guidance:g}"
    )


def label(column: Column) -> str:
    """Of anything that was tried."""
    if column.partner is None:
        return f"strong alone: {column.steps} steps, guidance {column.guidance:g}"
    return f"{KINDS[column.partner]}: {told(column)}"
