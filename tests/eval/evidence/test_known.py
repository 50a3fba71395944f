"""Known distributions: exact denoisers, distances, and networks that learn."""

from __future__ import annotations

import pytest
import torch
from w2sd_video.eval.evidence.known.distances import Transport, off, width
from w2sd_video.eval.evidence.known.mixture import Mixture, corners, line
from w2sd_video.eval.evidence.known.network import train
from w2sd_video.eval.evidence.known.sampling import ddim, noise, sample


def drawn(mixture: Mixture, n: int = 20_000) -> torch.Tensor:
    return mixture.draw(n, torch.Generator().manual_seed(1))


@pytest.mark.parametrize("mixture", [line(0.3), corners(0.5, 0.3, 0.2)])
def test_the_exact_denoiser_is_the_score(mixture: Mixture) -> None:
    """eps = −s ∇ log p, with p the density at that noise level."""
    a, s = 0.8, 0.6
    x = drawn(mixture, 5).requires_grad_()
    spread = ((a * mixture.std) ** 2 + s**2) ** 0.5
    noised = Mixture(a * mixture.means, mixture.weights, spread)
    (score,) = torch.autograd.grad(noised.density(x).log().sum(), x)
    assert torch.allclose(mixture.epsilon(x, a, s), -s * score, atol=1e-9)


@pytest.mark.parametrize(
    ("near", "far"),
    [(line(0.5), line(0.3)), (corners(0.4, 0.3, 0.3), corners(0.6, 0.3, 0.1))],
)
def test_distances_are_small_to_oneself_and_grow(near: Mixture, far: Mixture) -> None:
    transport = Transport(near)
    assert off(drawn(near), near) < 0.02
    assert transport(drawn(near)) < 0.1 < transport(drawn(far))
    assert off(drawn(far), near) == pytest.approx(0.2, abs=0.02)
    assert width(drawn(far), near) == pytest.approx(1, abs=0.02)
    narrow = Mixture(near.means, near.weights, near.std / 2)
    assert width(drawn(narrow), near) == pytest.approx(0.5, abs=0.01)


def test_transport_is_the_shift_on_a_line() -> None:
    truth = line(0.5)
    assert Transport(truth)(drawn(truth) + 3) == pytest.approx(3, abs=0.1)


def test_a_network_learns_its_mixture_and_the_same_each_time() -> None:
    data = line(0.2)
    network = train(data, steps=400, seed=3)
    start = noise(1000, 1)
    x = sample(ddim(), network, noise=start, steps=20)
    assert off(x, data) < 0.1
    again = sample(ddim(), train(data, steps=400, seed=3), noise=start, steps=20)
    assert torch.equal(x, again)
