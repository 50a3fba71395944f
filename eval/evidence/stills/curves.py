"""Curves of quality against cost."""

from __future__ import annotations

from ..panels import Line, Lines
from .outcomes import METRICS, Metric, Outcomes

Curves = dict[str, list[str]]  # labels of the ways on each, the cheapest first


def panel(outcomes: Outcomes, curves: Curves, metric: Metric, timed: bool) -> Lines:
    """Against evaluations or, timed, against seconds."""
    lines = []
    for name, labels in curves.items():
        found = [outcomes.found[label] for label in labels]
        lines.append(
            Line(
                label=name,
                x=[(one.seconds or 0.0) if timed else one.evaluations for one in found],
                y=[one.mean(metric) for one in found],
                role=outcomes.roles[labels[0]],
            )
        )
    return Lines(
        title=METRICS[metric],
        x="seconds a still" if timed else "denoiser evaluations a still",
        y=METRICS[metric],
        lines=lines,
    )


def told(outcomes: Outcomes, curves: Curves) -> str:
    """What an evaluation takes."""
    pace = {}
    for name, labels in curves.items():
        found = [outcomes.found[label] for label in labels]
        seconds = sum(one.seconds or 0.0 for one in found)
        pace[name] = 1000 * seconds / sum(one.evaluations for one in found)
    dear = max(pace, key=lambda name: pace[name])
    cheap = min(pace, key=lambda name: pace[name])
    return (
        f"{outcomes.title}: an evaluation takes from {pace[cheap]:.1f} ms ({cheap}) to "
        f"{pace[dear]:.1f} ms ({dear}), text encoder and VAE included."
    )
