"""Every mode and pair of sides against the method written out as a plain loop."""

from __future__ import annotations

import pytest
import torch
from w2sd_video.pipelines import StableDiffusionW2SDPipeline

from w2sd_video import Reflection, Side
from w2sd_video.core.reflection import MODES

from .. import tiny

STEPS, REFLECTED, GAP = 4, 3, 0.7
OTHER = tiny.unet(seed=3)
SIDES = {
    "as the call": Side(),
    "guidance 0": Side(guidance_scale=0.0),
    "guidance 3": Side(guidance_scale=3.0),
    "weights": Side(denoiser=OTHER),
    "weights, guidance 1": Side(denoiser=OTHER, guidance_scale=1.0),
}


class ByHand:
    """The method on Stable Diffusion, with diffusers' scheduler for the final step alone."""

    def __init__(self, pipe: StableDiffusionW2SDPipeline, call_scale: float) -> None:
        self.pipe, self.call_scale = pipe, call_scale
        conditional, unconditional = pipe.encode_prompt("a red circle", "cpu", 1, True)
        self.text = torch.cat([unconditional, conditional])
        self.scheduler = tiny.ddim()
        self.scheduler.set_timesteps(STEPS)

    def output(self, x: torch.Tensor, t: int, side: Side) -> torch.Tensor:
        unet = self.pipe.unet if side.denoiser is None else side.denoiser
        scale = side.guidance_scale
        if scale is None:
            scale = self.call_scale if self.call_scale > 1 else 1.0
        u, c = unet(torch.cat([x, x]), t, encoder_hidden_states=self.text).sample.chunk(2)
        return u + scale * (c - u)

    def move(self, x: torch.Tensor, out: torch.Tensor, start: int, end: int) -> torch.Tensor:
        """DDIM from one timestep to another, up or down."""

        def level(t: int) -> torch.Tensor:
            s = self.scheduler
            return s.alphas_cumprod[t] if t >= 0 else s.final_alpha_cumprod

        clean = (x - (1 - level(start)).sqrt() * out) / level(start).sqrt()
        return level(end).sqrt() * clean + (1 - level(end)).sqrt() * out

    @torch.no_grad()
    def sample(self, strong: Side, weak: Side, mode: str) -> torch.Tensor:
        x = torch.randn((1, 4, 8, 8), generator=torch.Generator().manual_seed(0))
        stride, difference = 1000 // STEPS, None
        times = self.scheduler.timesteps.tolist()
        for i, t in enumerate(times):
            below, reflects = t - stride, i < REFLECTED
            if reflects and mode in ("exact", "implicit", "official"):
                out_strong = self.output(x, t, strong)
                lower = self.move(x, out_strong, t, below)
                out_weak = self.output(x if mode == "implicit" else lower, t, weak)
                start, end = below, t
                if mode == "official":
                    start, end = times[i + 1] - stride, times[i + 1]
                x = x + GAP * (self.move(lower, out_weak, start, end) - x)
            if reflects and mode == "cached" and difference is not None:
                # Down with one output and up with the other, both of the step before.
                lower = self.move(x, difference, t, below)
                x = x + GAP * (self.move(lower, 0 * difference, below, t) - x)
            out = self.output(x, t, Side())
            if reflects and mode in ("cached", "extrapolate"):
                difference = self.output(x, t, strong) - self.output(x, t, weak)
            if reflects and mode == "extrapolate":
                out = out + GAP * difference
            x = self.scheduler.step(out, t, x).prev_sample
        return x


@pytest.mark.parametrize("scale", [5.0, 1.0, 0.0])
@pytest.mark.parametrize("mode", MODES)
def test_every_pair_equals_the_plain_loop(mode: str, scale: float) -> None:
    pipe = tiny.stable_diffusion(StableDiffusionW2SDPipeline)
    call = tiny.call(STEPS, guidance_scale=scale)
    del call["num_frames"], call["generator"]
    hand = ByHand(pipe, scale)
    for strong_name, strong in SIDES.items():
        for weak_name, weak in SIDES.items():
            reflection = Reflection(strong, weak, steps=REFLECTED, mode=mode, gap=GAP)
            expected = hand.sample(strong, weak, mode)
            generator = torch.Generator().manual_seed(0)
            got = pipe(**call, generator=generator, reflection=reflection).images
            error = (got - expected).abs().max() / expected.abs().max()
            assert error <= 2e-5, (strong_name, weak_name)
            assert pipe.run.evaluations == reflection.cost(scale, STEPS), (strong_name, weak_name)
