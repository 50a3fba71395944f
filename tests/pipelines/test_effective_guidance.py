"""What guidance a reflected step amounts to."""

from __future__ import annotations

import pytest
import torch

from w2sd_video import Reflection, Side, reflect

from .. import tiny
from .test_by_hand import OTHER, SD

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
    hand = SD("StableDiffusionPipeline")
    hand.run(Reflection(weak=weak, mode=mode, steps=1))
    found = hand.pipe.run.guidance
    hand.begin()
    with torch.no_grad():
        here, below = hand.levels()[:2]
        t, x = hand.scheduler.timesteps[0], hand.noise
        u, c = (hand.output(x, t, Side(guidance_scale=scale)) for scale in (0.0, 1.0))
        lower = hand.move(x, hand.output(x, t, Side()), here, below)
        out_weak = hand.output(lower if mode == "exact" else x, t, weak)
        pushed = hand.back(lower, out_weak, here, below)
        led = hand.move(pushed, hand.output(pushed, t, Side()), here, below)
        zero, one = hand.move(x, 0.0, here, below), hand.move(x, 1.0, here, below)
        out = (led - zero) / (one - zero)
        scale = ((out - u) * (c - u)).sum() / (c - u).square().sum()
    assert float(found[0]) == pytest.approx(float(scale), rel=1e-3)
    assert [round(float(scale), 3) for scale in found[1:]] == [hand.scale] * 3
