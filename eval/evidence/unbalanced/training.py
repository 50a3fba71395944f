"""A small unconditional image model, trained on pictures within minutes."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import DDIMScheduler, UNet2DModel
from torch import Tensor, nn

from w2sd_video.shapes.models import make_scheduler

from .pictures import SIDE

PATCH = 2  # neighbouring pixels become channels: attention and layers get a small square
WIDTHS = (32, 64)
BATCH, RATE, AVERAGE = 64, 2e-3, 0.995
LEVELS = (1.3, 1.6)  # of a Beta distribution of timesteps; the ends teach the least


class Model(nn.Module):
    """Diffusers' UNet on patches of a picture; predicts v."""

    def __init__(self) -> None:
        super().__init__()
        count = len(WIDTHS)
        self.unet = UNet2DModel(
            sample_size=SIDE // PATCH,
            in_channels=PATCH**2,
            out_channels=PATCH**2,
            block_out_channels=WIDTHS,
            layers_per_block=1,
            down_block_types=("DownBlock2D",) * count,
            up_block_types=("UpBlock2D",) * count,
            norm_num_groups=8,
            attention_head_dim=32,
        )

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """v of pictures ``(n, 1, SIDE, SIDE)`` at timesteps ``(n,)`` or one for all."""
        return F.pixel_shuffle(self.unet(F.pixel_unshuffle(x, PATCH), t).sample, PATCH)


def scheduler() -> DDIMScheduler:
    return make_scheduler()


def train(pictures: Tensor, steps: int, seed: int) -> Model:
    """A model of these pictures, its weights averaged over the last few hundred steps."""
    noising, rng = scheduler(), np.random.default_rng(seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # layers take their first weights from the global generator
        model = Model()
    weights = list(model.parameters())
    optimizer = torch.optim.AdamW(weights, lr=RATE, weight_decay=0.0, fused=True)
    averages = [p.detach().clone() for p in weights]
    for step in range(steps):
        for group in optimizer.param_groups:  # warm up, hold, and go to zero at the end
            group["lr"] = RATE * min(1.0, (step + 1) / 50, 4 * (1 - step / steps))
        x = pictures[torch.from_numpy(rng.integers(len(pictures), size=BATCH))]
        t = torch.from_numpy(rng.beta(*LEVELS, BATCH) * len(noising.alphas_cumprod)).long()
        noise = torch.randn(x.shape, generator=generator)
        error = model(noising.add_noise(x, noise, t), t) - noising.get_velocity(x, noise, t)
        optimizer.zero_grad()
        error.square().mean().backward()
        nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        decay = min(AVERAGE, (1 + step) / (10 + step))
        torch._foreach_lerp_(averages, [p.detach() for p in weights], 1 - decay)
    for p, average in zip(weights, averages, strict=True):
        p.data.copy_(average)
    return model.eval().requires_grad_(False)
