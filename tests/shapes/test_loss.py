"""The loss: v's error, of which a clip's trend in time counts more."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from w2sd_video.shapes.loss import TREND, trend, velocity_loss
from w2sd_video.shapes.models import make_scheduler


def test_the_trend_is_what_is_linear_in_time() -> None:
    ramp = torch.arange(16.0) - 7.5
    still = torch.ones(1, 1, 16, 1, 1)
    moving = ramp.view(1, 1, 16, 1, 1)
    assert trend(still).item() == pytest.approx(0.0, abs=1e-6)
    assert trend(moving).item() == pytest.approx(ramp.norm().item())
    assert trend(-moving).item() == pytest.approx(-ramp.norm().item())
    assert trend(moving.square() - moving.square().mean()).item() == pytest.approx(0.0, abs=1e-4)


@pytest.mark.parametrize("shape", [(3, 4, 8, 8), (3, 4, 1, 8, 8)])
def test_a_still_has_no_trend(shape: tuple[int, ...]) -> None:
    x = torch.randn(shape)

    def zero(noisy: Tensor, times: Tensor) -> Tensor:
        return torch.zeros_like(noisy)

    torch.manual_seed(0)
    loss = velocity_loss(zero, x, make_scheduler(), np.random.default_rng(0))
    assert torch.isfinite(loss)
    assert loss.item() == pytest.approx(1.0, abs=0.2)  # v of unit latents and noise has unit power


def test_an_error_in_the_trend_counts_more() -> None:
    """Errors of the same power: one linear in time, one that has no trend."""
    x, scheduler = torch.randn(2, 4, 16, 8, 8), make_scheduler()
    ramp = torch.arange(16.0) - 7.5
    linear = (ramp / ramp.norm()).view(1, 1, 16, 1, 1)
    even = torch.full((1, 1, 16, 1, 1), 0.25)

    def loss(error: Tensor) -> float:
        def predict(noisy: Tensor, times: Tensor) -> Tensor:
            torch.manual_seed(1)
            return scheduler.get_velocity(x, torch.randn_like(x), times) + error

        torch.manual_seed(1)
        return velocity_loss(predict, x, scheduler, np.random.default_rng(0)).item()

    assert loss(even) == pytest.approx(1 / 16, rel=1e-3)
    assert loss(linear) == pytest.approx(1 / 16 + TREND, rel=1e-3)
