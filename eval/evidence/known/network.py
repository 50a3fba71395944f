"""Small denoisers, trained on samples: what reflection has to work with outside of textbooks."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from .mixture import Mixture
from .sampling import ddim

WIDTH, BATCH, RATE = 64, 256, 2e-3
FREQUENCIES = 4


class Network(nn.Module):
    """Predicts noise with a perceptron of three hidden layers.

    It learns what is left of the noise beside the best linear guess, scaled to unit variance,
    so that every noise level weighs the same in training::

        eps = s x / v + (a c / sqrt(v)) net(x / sqrt(v), log(a / s))      v = (a c)^2 + s^2

    with c the data's standard deviation per coordinate.
    """

    def __init__(self, d: int, spread: float) -> None:
        super().__init__()
        self.spread = spread
        self.net = nn.Sequential(
            nn.Linear(d + 1 + 2 * FREQUENCIES, WIDTH), nn.SiLU(),
            nn.Linear(WIDTH, WIDTH), nn.SiLU(),
            nn.Linear(WIDTH, WIDTH), nn.SiLU(),
            nn.Linear(WIDTH, d),
        )  # fmt: skip

    def forward(self, x: Tensor, a: Tensor, s: Tensor) -> Tensor:
        """The normalised rest ``(n, d)``; ``a`` and ``s`` are ``(n, 1)``."""
        level = (a / s).log() / 4
        waves = level * math.pi * torch.arange(1, FREQUENCIES + 1)
        scale = ((a * self.spread) ** 2 + s**2).rsqrt()
        return self.net(torch.cat([x * scale, level, waves.sin(), waves.cos()], dim=1))

    @torch.no_grad()
    def epsilon(self, x: Tensor, a: float, s: float) -> Tensor:
        """The noise ``(n, d)`` in ``x = a x0 + s eps``."""
        variance = (a * self.spread) ** 2 + s**2
        levels = torch.tensor([a, s]).expand(len(x), 2)
        rest = self(x.float(), levels[:, :1], levels[:, 1:]).to(x.dtype)
        return (s / variance) * x + (a * self.spread / math.sqrt(variance)) * rest


def train(data: Mixture, steps: int, seed: int) -> Network:
    """A denoiser of this mixture, from fresh samples at every step and DDIM's noise levels."""
    generator = torch.Generator().manual_seed(seed)
    d = data.means.shape[1]
    spread = float(data.draw(20_000, generator).var(dim=0).mean().sqrt())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # layers take their first weights from the global generator
        network = Network(d, spread)
    alphas = ddim().alphas_cumprod
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        t = torch.randint(len(alphas), (BATCH,), generator=generator)
        a, s = alphas[t, None].sqrt(), (1 - alphas[t, None]).sqrt()
        x0 = data.draw(BATCH, generator).float()
        eps = torch.randn(BATCH, d, generator=generator)
        x = a * x0 + s * eps
        variance = (a * spread) ** 2 + s**2
        rest = (eps - s / variance * x) * variance.sqrt() / (a * spread)
        loss = (network(x, a, s) - rest).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return network.eval()
