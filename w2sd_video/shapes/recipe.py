"""How long and how the UNets' models are trained."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .optimize import Stage


@dataclass(frozen=True)
class Recipe:
    """The whole training run."""

    vae: Stage = Stage(steps=9500, batch=10, rate=2e-3)
    image: Stage = Stage(steps=4000, batch=32, rate=1e-3, average=0.999)
    video: Stage = Stage(steps=6200, batch=8, rate=1e-3)
    clips: int = 10_000  # rendered and encoded once; every third shows one object
    stills: int = 16  # frames beside every batch of clips, to keep the image model alive
    caption_dropout: float = 0.1
    seed: int = 0

    def shortened(self, fraction: float) -> Recipe:
        """The same run with a fraction of the image and video steps: a weak partner."""
        return replace(
            self,
            image=replace(self.image, steps=round(self.image.steps * fraction)),
            video=replace(self.video, steps=round(self.video.steps * fraction)),
        )
