"""Figure 4: two Gaussians on a line, of which the models have seen one too rarely."""

from __future__ import annotations

import torch

from ..known.experiment import SHOWN, Experiment, percent
from ..known.mixture import line
from ..panels import Panel, Paths
from ..result import Result

WEAK, STRONG, IDEAL = 0.10, 0.30, 0.50  # of the mass in the left mode
DRAWN, BINS, REACH = 40, 48, 8.0


def run(seed: int, quick: bool) -> Result:
    done = Experiment(line(WEAK), line(STRONG), line(IDEAL), seed, quick)
    return done.result(
        name="gaussians-1d",
        title="Two Gaussians on a line",
        about=(
            "The paper's figure 4. The truth has half of its mass at −4 and half at 4; the weak "
            f"model believes in {100 * WEAK:.0f} % at −4, the strong one in {100 * STRONG:.0f} %. "
            "*Masses off* is the total variation between the modes' masses and the true ones; "
            "*transport* is the Wasserstein-1 distance to the truth in the unit of x, which sees "
            "places and shapes, too; *width* is the modes' standard deviation over the true one. "
            "*Reflected* is mode `exact`, gap 1, all steps."
        ),
        caption="Trajectories and densities of the weak, strong, reflected and ideal model; below, "
        "how far the masses of each setting are from the truth",
        shown=lambda kind, label: _paths(done, kind, label),
    )


def _paths(done: Experiment, kind: str, label: str) -> Panel:
    found = done.outcomes[kind][label]
    edges = torch.linspace(-REACH, REACH, BINS + 1, dtype=torch.float64)
    centres = (edges[1:] + edges[:-1]) / 2
    counts = torch.histogram(found.first[:, 0], edges).hist
    return Paths(
        title=f"{label}: {percent(done.truth.mass(found.first))[0]} below 0",
        role=SHOWN[label],
        paths=found.paths[:DRAWN, :, 0].round(decimals=2).tolist(),
        at=centres.tolist(),
        density=(counts / counts.sum() / float(edges[1] - edges[0])).tolist(),
        truth=done.truth.density(centres[:, None]).tolist(),
    )
