"""How long and how the UNets' models are trained."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .optimize import Stage


@dataclass(frozen=True)
class Recipe:
    """The whole training run."""

    vae: Stage = Stage(steps=7000, batch=8, rate=1.5e-3)
    image: Stage = Stage(steps=8000, batch=32, rate=6e-4, average=0.999)
    video: Stage = Stage(steps=5600, batch=8, rate=8e-4)
    binding: Stage = Stage(steps=1200, batch=3, rate=5e-4, average=0.995)
    clips: int = 10_000  # rendered and encoded once; every third shows one object
    stills: int = 16  # frames beside every batch of clips, to keep the image model alive
    alone: int = 700  # first steps of the video stage, on clips of one thing
    caption_dropout: float = 0.1
    seed: int = 0

    def shortened(self, fraction: float) -> Recipe:
        """The same run with a fraction of the image and video steps: a weak partner."""
        return replace(
            self,
            image=replace(self.image, steps=round(self.image.steps * fraction)),
            video=replace(self.video, steps=round(self.video.steps * fraction)),
            binding=replace(self.binding, steps=round(self.binding.steps * fraction)),
            alone=round(self.alone * fraction),
        )
