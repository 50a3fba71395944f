"""A way to sample stills, as data, and the reflection that it stands for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from w2sd_video.core.reflection import Mode, Reflection, Side

from ..embedded.rendering import as_dear
from .prompts import Words

MORE = 1.5  # guidance: what is added where there is to be more


@dataclass(frozen=True)
class Partner:
    """What the weak side of a pair has of its own.

    Attributes:
        weights: those of the weak partner.
        experts: its worst experts, of a mixture.
    """

    weights: bool = False
    guidance: float | None = None
    words: Words | None = None
    experts: bool = False

    def side(self, denoiser: Callable[[], Any], prompts: Callable[[Words], list[str]]) -> Side:
        return Side(
            denoiser=denoiser() if self.weights else None,
            guidance_scale=self.guidance,
            prompt=prompts(self.words) if self.words else None,
            experts="worst" if self.experts else None,
        )


@dataclass(frozen=True)
class Way:
    """Attributes:
    model: who samples, the strong model or, whole, the weak one.
    words: that the call is asked with.
    partner: of a reflection; without one there is none, and mode, share and gap are left
        as they are.
    turned: whether the pair is turned round, so that samples are pushed along weak − strong.
    share: of the steps that reflect.
    """

    steps: int
    guidance: float
    model: Literal["strong", "weak"] = "strong"
    words: Words = "refined"
    partner: Partner | None = None
    mode: Mode = "exact"
    share: float = 1.0
    gap: float = 1.0
    turned: bool = False

    def reflection(
        self, denoiser: Callable[[], Any], prompts: Callable[[Words], list[str]]
    ) -> Reflection | None:
        """What to call the pipeline with.

        Args:
            denoiser: gives the weak partner's.
            prompts: those of the batch, in the words asked for.
        """
        if self.partner is None:
            return None
        other = self.partner.side(denoiser, prompts)
        strong, weak = (other, Side()) if self.turned else (Side(), other)
        return Reflection(strong=strong, weak=weak, steps=self.share, mode=self.mode, gap=self.gap)

    @property
    def evaluations(self) -> int:
        """Denoiser samples a still; the conditional and the unconditional half count one each."""
        reflection = self.reflection(lambda: "weak", lambda words: [words])
        return (reflection or Reflection(steps=0)).cost(self.guidance, self.steps)


def plain_with(evaluations: int, guidance: float) -> Way:
    """The strong model alone, with at least as many evaluations."""
    return as_dear(lambda n: Way(n, guidance), evaluations)


def extrapolating(exact: Way) -> Way:
    """The same pair, extrapolated: that costs less a step, and so gets more of them."""
    return as_dear(lambda n: replace(exact, mode="extrapolate", steps=n), exact.evaluations)
