"""What all denoisers are trained on: the error of v at a random moment."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import DDIMScheduler
from torch import Tensor


def bf16(device: torch.device | str) -> torch.autocast:
    """bfloat16 where the layers allow: on a CPU that has it, about twice as fast."""
    return torch.autocast(torch.device(device).type, torch.bfloat16)


def velocity_loss(
    predict: Callable[[Tensor, Tensor], Tensor],
    x: Tensor,
    scheduler: DDIMScheduler,
    rng: np.random.Generator,
) -> Tensor:
    """MSE of v.

    Args:
        predict: v of ``(noisy, times)``, in the shape of ``x``.
        x: clean latents, ``(b, c, h, w)`` or, for clips, ``(b, c, frames, h, w)``.
    """
    # Mostly where something is decided, neither almost clean nor almost pure noise. The frames
    # of a clip show together what noise hides in each, so a clip is decided at more of it.
    shape = (1.6, 1.8) if x.ndim == 4 or x.shape[2] == 1 else (3.0, 1.0)
    times = torch.from_numpy(rng.beta(*shape, len(x)) * 1000).long().to(x.device)
    noise = torch.randn_like(x)
    noisy = scheduler.add_noise(x, noise, times)
    with bf16(x.device):
        out = predict(noisy, times)
    return F.mse_loss(out.float(), scheduler.get_velocity(x, noise, times))
