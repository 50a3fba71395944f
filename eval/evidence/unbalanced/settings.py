"""The ways of sampling that figures 6 and 7 set side by side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from w2sd_video.core.reflection import Mode, Reflection, Side

from ..panels import Role
from .training import Model

# Share of the rare shape in the training data. Balanced is a third: there are three shapes.
SHARES = {"weak": 0.02, "strong": 0.10, "balanced": 1 / 3}
# Of the models that are trained, all from seeds and pictures of their own; the twin has strong's
# shares.
MODELS = {**SHARES, "twin": SHARES["strong"]}

Models = dict[str, Model]
Way = tuple[Model, Reflection | None]  # what samples, and how it reflects, if it does


@dataclass(frozen=True)
class Setting:
    """A way of sampling; ``label`` names its row, ``times`` multiplies the steps."""

    label: str
    role: Role
    make: Callable[[Models], Way]
    times: float = 1


def _plain(name: str) -> Callable[[Models], Way]:
    return lambda models: (models[name], None)


def _pair(
    weak: str = "weak", mode: Mode = "exact", steps: float = 1.0, gap: float = 1.0
) -> Callable[[Models], Way]:
    """The strong model samples, and reflects with the one named."""

    def make(models: Models) -> Way:
        side = Side(denoiser=models[weak])
        return models["strong"], Reflection(weak=side, mode=mode, steps=steps, gap=gap)

    return make


def _reversed(models: Models) -> Way:
    """The strong model samples still, and is pushed along weak − strong."""
    return models["strong"], Reflection(strong=Side(denoiser=models["weak"]), weak=Side())


GAPS = (0.5, 1.0, 1.5, 2.0, 3.0)
LONGER = 1.5  # extrapolation has two evaluations a step where exact has three
# By gap: what reflects, and extrapolation for as many evaluations.
REFLECTED = {gap: "reflected" if gap == 1 else f"reflected, gap {gap:g}" for gap in GAPS}
EXTRAPOLATED = {
    gap: "extrapolate, equal evaluations" + (f", gap {gap:g}" if gap != 1 else "") for gap in GAPS
}
SETTINGS = (
    Setting("weak", "weak", _plain("weak")),
    Setting("strong", "strong", _plain("strong")),
    Setting("strong, three times the steps", "strong", _plain("strong"), times=3),
    Setting("extrapolate", "baseline", _pair(mode="extrapolate")),
    *(
        Setting(label, "baseline", _pair(mode="extrapolate", gap=gap), times=LONGER)
        for gap, label in EXTRAPOLATED.items()
    ),
    *(Setting(label, "reflected", _pair(gap=gap)) for gap, label in REFLECTED.items()),
    Setting("reflected, half of the steps", "reflected", _pair(steps=0.5)),
    Setting("implicit", "reflected", _pair(mode="implicit")),
    Setting("weak = strong trained again", "other", _pair("twin")),
    Setting("reversed", "harm", _reversed),
    Setting("balanced data", "ideal", _plain("balanced")),
)
