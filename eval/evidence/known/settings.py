"""The ways of sampling that figures 4 and 5 set side by side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from w2sd_video.core.reflection import Mode, Reflection, Side

from ..panels import Role
from .sampling import Denoiser

STEPS = 50
EXACT, TRAINED = "exact scores", "trained networks"


@dataclass(frozen=True)
class Models:
    """Denoisers of the three distributions; ``twin`` is strong's, trained from another seed."""

    weak: Denoiser
    strong: Denoiser
    ideal: Denoiser
    twin: Denoiser


Way = tuple[Denoiser, Reflection | None]  # what samples, and how it reflects, if it does


@dataclass(frozen=True)
class Setting:
    """A way of sampling; ``label`` names its row.

    Attributes:
        only: EXACT or TRAINED; both where empty.
    """

    label: str
    role: Role
    make: Callable[[Models], Way]
    steps: int = STEPS
    only: str = ""


def _plain(name: str) -> Callable[[Models], Way]:
    return lambda models: (getattr(models, name), None)


def _pair(weak: str = "weak", mode: Mode = "exact", steps: float = 1.0) -> Callable[[Models], Way]:
    """The strong model samples, and reflects with the one named."""

    def make(models: Models) -> Way:
        side = Side(denoiser=getattr(models, weak))
        return models.strong, Reflection(weak=side, mode=mode, steps=steps)

    return make


def _reversed(models: Models) -> Way:
    """The strong model samples still, and is pushed along weak − strong."""
    return models.strong, Reflection(strong=Side(denoiser=models.weak), weak=Side())


SETTINGS = (
    Setting("weak", "weak", _plain("weak")),
    Setting("strong", "strong", _plain("strong")),
    Setting("strong, 150 steps", "strong", _plain("strong"), steps=3 * STEPS),
    Setting("extrapolate", "baseline", _pair(mode="extrapolate")),
    Setting("reflected", "reflected", _pair()),
    Setting("reflected, half of the steps", "reflected", _pair(steps=0.5)),
    Setting("official", "reflected", _pair(mode="official"), only=EXACT),
    Setting("implicit", "reflected", _pair(mode="implicit")),
    Setting("cached", "reflected", _pair(mode="cached"), only=EXACT),
    Setting("weak = strong", "other", _pair("strong")),
    Setting("weak = strong trained again", "other", _pair("twin"), only=TRAINED),
    Setting("reversed", "harm", _reversed),
    Setting("ideal", "ideal", _plain("ideal")),
)
