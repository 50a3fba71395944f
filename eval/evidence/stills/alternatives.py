"""What a reflection is told beside, of the same pair."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from .outcomes import Ways
from .ways import Way, extrapolating


def alternatives(exact: Way, gaps: Mapping[str, float]) -> Ways:
    """The reflection itself, other modes, other gaps by their labels, and the pair turned round."""
    return {
        "reflected": (exact, "reflected"),
        "implicit": (replace(exact, mode="implicit"), "reflected"),
        "extrapolate": (extrapolating(exact), "baseline"),
        **{label: (replace(exact, gap=gap), "other") for label, gap in gaps.items()},
        "turned round": (replace(exact, turned=True), "harm"),
    }
