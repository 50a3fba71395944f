"""Figure 5: three Gaussians in the plane, seen with the wrong frequencies."""

from __future__ import annotations

from ..known.experiment import SHOWN, Experiment, percent
from ..known.mixture import corners
from ..panels import Cloud, Panel
from ..result import Result

WEAK, STRONG = (0.60, 0.35, 0.05), (0.45, 0.35, 0.20)  # top, lower left, lower right
TRUTH = (1 / 3, 1 / 3, 1 / 3)
DRAWN, WAYS = 400, 12


def run(seed: int, quick: bool) -> Result:
    done = Experiment(corners(*WEAK), corners(*STRONG), corners(*TRUTH), seed, quick)
    return done.result(
        name="gaussians-2d",
        title="Three Gaussians in the plane",
        about=(
            "The paper's figure 5. The truth has a third of its mass in each mode (top, lower "
            "left, lower right); the weak model believes in 60, 35 and 5 %, the strong one in "
            "45, 35 and 20 %. Measures and settings as on the line; transport is sliced along 16 "
            "directions."
        ),
        caption="Samples and some trajectories of the weak, strong, reflected and ideal model; "
        "below, how far the masses of each setting are from the truth",
        shown=lambda kind, label: _cloud(done, kind, label),
    )


def _cloud(done: Experiment, kind: str, label: str) -> Panel:
    found = done.outcomes[kind][label]
    shares = percent(done.truth.mass(found.first))
    return Cloud(
        title=label,
        role=SHOWN[label],
        points=found.first[:DRAWN].round(decimals=2).tolist(),
        paths=found.paths[:WAYS, ::2].round(decimals=2).tolist(),
        places=[*zip(done.truth.means.tolist(), shares, strict=True)],
    )
