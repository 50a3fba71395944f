"""What all denoisers are trained on: the error of v at a random moment."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from diffusers import DDIMScheduler
from torch import Tensor

from .precision import bf16

TREND = 0.5  # with 16 frames: the trend counts nine times what it is

# Parameters of the Beta distributions that moments are drawn from: mostly where something is
# decided, neither almost clean nor almost pure noise. The frames of a clip show together what
# noise hides in each, so a clip is decided at more of it.
STILLS, CLIPS = (1.6, 1.8), (3.0, 1.0)


def velocity_loss(
    predict: Callable[[Tensor, Tensor], Tensor],
    x: Tensor,
    scheduler: DDIMScheduler,
    rng: np.random.Generator,
    moments: tuple[float, float] = CLIPS,
) -> Tensor:
    """MSE of v; of clips, the part that is linear in time counts more, see ``trend``.

    Args:
        predict: v of ``(noisy, times)``, in the shape of ``x``.
        x: clean latents, ``(b, c, h, w)`` or, for clips, ``(b, c, frames, h, w)``.
        moments: of clips, the parameters of the Beta distribution of times.
    """
    still = x.ndim == 4 or x.shape[2] == 1
    times = torch.from_numpy(rng.beta(*(STILLS if still else moments), len(x)) * 1000)
    times = times.long().to(x.device)
    noise = torch.randn_like(x)
    noisy = scheduler.add_noise(x, noise, times)
    with bf16(x.device):
        out = predict(noisy, times)
    error = out.float() - scheduler.get_velocity(x, noise, times)
    loss = error.square().mean()
    return loss if still else loss + TREND * trend(error).square().mean()


def trend(clips: Tensor) -> Tensor:
    """The part of ``(b, c, frames, h, w)`` that is linear in time, ``(b, c, h, w)``.

    That is where clips of opposite directions differ; it is one part in as many as there are
    frames, so directions are learned late. A quadratic form may weigh it more: what makes the
    loss least, the mean of v, stays the same.
    """
    frames = clips.shape[2]
    ramp = torch.arange(frames, device=clips.device) - (frames - 1) / 2
    return torch.einsum("bcfhw,f->bchw", clips, ramp / ramp.norm())
