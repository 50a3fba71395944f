"""A column of the table: one way to sample clips, as data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

from w2sd_video.core.reflection import Mode, Reflection, Side

from ..embedded.rendering import as_dear

# Who samples: the strong model; the weak one, whole; or the strong one's text encoder and VAE
# with the weak one's denoiser, which is what takes part in a reflection.
Model = Literal["strong", "weak", "weak denoiser"]

# What the weak side of a reflection has. Still: the strong denoiser with its layers over time
# switched off; self: nothing of its own, so that weak = strong.
Partner = Literal["weights", "guidance", "weights and guidance", "still", "self"]
PARTNERS: tuple[Partner, ...] = get_args(Partner)
LOW = 1.0  # guidance of a weak side that differs in it


@dataclass(frozen=True)
class Column:
    """Attributes: ``share``, ``mode`` and ``gap`` are the reflection's; without a partner
    there is none, and they are left as they are."""

    steps: int
    guidance: float
    model: Model = "strong"
    partner: Partner | None = None
    mode: Mode = "exact"
    share: float = 1.0
    gap: float = 1.0

    def reflection(self, denoiser: Callable[[Partner], Any]) -> Reflection | None:
        """What to call the pipeline with.

        Args:
            denoiser: gives that of a partner with weights of its own.
        """
        if self.partner is None:
            return None
        weak = Side(
            denoiser=denoiser(self.partner) if self.has_weights_of_its_own else None,
            guidance_scale=LOW if "guidance" in self.partner else None,
        )
        return Reflection(weak=weak, steps=self.share, mode=self.mode, gap=self.gap)

    @property
    def is_alone(self) -> bool:
        """Whether the strong model has no partner, or one by which it only has more guidance."""
        return not self.partner or (self.partner == "guidance" and self.mode == "extrapolate")

    @property
    def has_weights_of_its_own(self) -> bool:
        """The weak side."""
        return self.partner in ("weights", "weights and guidance", "still")

    @property
    def reflects(self) -> int:
        """How many steps do."""
        reflection = self.reflection(lambda partner: partner)
        return reflection.count(self.steps) if reflection else 0

    @property
    def evaluations(self) -> int:
        """Denoiser samples a clip; the conditional and the unconditional half count one each."""
        reflection = self.reflection(lambda partner: partner)
        return (reflection or Reflection(steps=0)).cost(self.guidance, self.steps)


def plain_with(evaluations: int, guidance: float) -> Column:
    """The strong model alone, with at least as many evaluations."""
    return as_dear(lambda steps: Column(steps, guidance), evaluations)
