"""Ways of sampling, set side by side where the truth is known: on mixtures and on a rare class."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from w2sd_video.core.reflection import Mode, Reflection, Side

from .panels import Role

Models = Mapping[str, Any]  # denoisers by name: weak, strong and others
Way = tuple[Any, Reflection | None]  # what samples, and how it reflects, if it does


@dataclass(frozen=True)
class Arm:
    """One way of sampling.

    Attributes:
        label: names its row.
        times: multiplies the sampling steps.
        only: the kind of models that has it; all do where this is empty.
    """

    label: str
    role: Role
    make: Callable[[Models], Way]
    times: float = 1
    only: str = ""


def plain(name: str) -> Callable[[Models], Way]:
    return lambda models: (models[name], None)


def pair(
    weak: str = "weak", mode: Mode = "exact", steps: float = 1.0, gap: float = 1.0
) -> Callable[[Models], Way]:
    """The strong model samples, and reflects with the one named."""

    def make(models: Models) -> Way:
        side = Side(denoiser=models[weak])
        return models["strong"], Reflection(weak=side, mode=mode, steps=steps, gap=gap)

    return make


def turned(models: Models) -> Way:
    """The strong model samples still, and is pushed along weak − strong."""
    return models["strong"], Reflection(strong=Side(denoiser=models["weak"]), weak=Side())


def cost(reflection: Reflection | None, steps: int) -> int:
    """Evaluations of a denoiser for one sample, without guidance."""
    return (reflection or Reflection(steps=0)).cost(1.0, steps)
