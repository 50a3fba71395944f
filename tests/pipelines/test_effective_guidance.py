"""What guidance a reflected step amounts to."""

from __future__ import annotations

import pytest
import torch

from w2sd_video import Reflection, Side, reflect

from .. import tiny
from .test_by_hand import OTHER, ByHand

SCALE = 5.0


def logged(reflection: Reflection, prompt: list[str] | str = "a red circle") -> list[torch.Tensor]:
    count = len(prompt) if isinstance(prompt, list) else 1
    pipe = tiny.stable_diffusion()
    with reflect(pipe, reflection) as run:
        pipe(
            prompt,
            num_inference_steps=4,
            guidance_scale=SCALE,
            output_type="latent",
            generator=[torch.Generator().manual_seed(i) for i in range(count)],
        )
    return run.guidance


def test_extrapolation_adds_the_difference() -> None:
    found = logged(Reflection(weak=Side(guidance_scale=1.0), mode="extrapolate", steps=2))
    assert [round(float(scale), 3) for scale in found] == [9.0, 9.0, 5.0, 5.0]


def test_a_batch_has_one_for_every_clip() -> None:
    pair = Reflection(weak=Side(denoiser=OTHER))
    found = logged(pair, ["a red circle", "a blue ring"])
    assert [scales.shape for scales in found] == [(2,)] * 4
    alone = logged(pair, ["a red circle"])
    together = torch.stack(found)[:, 0]
    assert torch.allclose(together, torch.stack(alone)[:, 0], rtol=1e-3)


@pytest.mark.parametrize("mode", ["exact", "implicit"])
@pytest.mark.parametrize("weak", [Side(guidance_scale=1.0), Side(denoiser=OTHER)])
def test_the_first_step_by_hand(mode: str, weak: Side) -> None:
    """Of the one output that leads from x to where the reflected step leads."""
    found = logged(Reflection(weak=weak, mode=mode, steps=1))
    pipe = tiny.stable_diffusion()
    hand = ByHand(pipe, SCALE)
    t, x = 750, torch.randn((1, 4, 8, 8), generator=torch.Generator().manual_seed(0))
    t = int(hand.scheduler.timesteps[0])
    below = t - 250
    with torch.no_grad():
        u, c = (
            hand.output(x, t, Side(guidance_scale=0.0)),
            hand.output(x, t, Side(guidance_scale=1.0)),
        )
        lower = hand.move(x, hand.output(x, t, Side()), t, below)
        there = lower if mode == "exact" else x
        pushed = hand.move(lower, hand.output(there, t, weak), below, t)
        led = hand.move(pushed, hand.output(pushed, t, Side()), t, below)
        zero, one = hand.move(x, 0 * x, t, below), hand.move(x, torch.ones_like(x), t, below)
        out = (led - zero) / (one - zero)
        scale = ((out - u) * (c - u)).sum() / (c - u).square().sum()
    assert float(found[0]) == pytest.approx(float(scale), rel=1e-3)
    assert [round(float(scale), 3) for scale in found[1:]] == [SCALE] * 3
