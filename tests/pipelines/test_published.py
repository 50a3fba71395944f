"""Parity with the published code."""

from __future__ import annotations

import diffusers
import torch
from w2sd_video.pipelines import (
    StableDiffusionW2SDPipeline,
)

from w2sd_video import Reflection, Side

from .. import tiny
from .animatediff import add_lora


def test_official_equals_a_plain_loop() -> None:
    """Strong, weak and final LoRA scales and guidance all different, as published."""
    pipe = tiny.stable_diffusion(StableDiffusionW2SDPipeline)
    pipe.unet.double()
    pipe.text_encoder.double()
    pipe.vae.double()
    add_lora(pipe.unet)
    pipe.unet.double()
    strong, weak, final = (5.5, 1.5), (1.0, -1.5), (4.5, 0.8)
    steps = 10

    @torch.no_grad()
    def model(x: torch.Tensor, t: torch.Tensor, guidance: float, lora: float) -> torch.Tensor:
        pipe.unet.set_adapters(["art"], [lora])
        out = pipe.unet(torch.cat([x, x]), t, encoder_hidden_states=embeds).sample
        u, c = out.chunk(2)
        return u + guidance * (c - u)

    c, u = pipe.encode_prompt("a red circle", "cpu", 1, True)
    embeds = torch.cat([u, c])
    down, up = tiny.ddim(), diffusers.DDIMInverseScheduler.from_config(tiny.ddim().config)
    down.set_timesteps(steps)
    up.set_timesteps(steps)
    noise = torch.randn(
        (1, 4, 8, 8), generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )
    x = noise
    for i, t in enumerate(down.timesteps):
        if i + 1 < steps:
            lower = down.step(model(x, t, *strong), t, x).prev_sample
            x = up.step(model(lower, t, *weak), down.timesteps[i + 1], lower).prev_sample
        x = down.step(model(x, t, *final), t, x).prev_sample

    pipe.unet.set_adapters(["art"], [final[1]])
    got = pipe(
        "a red circle",
        num_inference_steps=steps,
        guidance_scale=final[0],
        latents=noise,
        output_type="latent",
        reflection=Reflection(
            strong=Side(guidance_scale=strong[0], adapters={"art": strong[1]}),
            weak=Side(guidance_scale=weak[0], adapters={"art": weak[1]}),
            mode="official",
        ),
    ).images
    assert (got - x).abs().max() <= 1e-6 * x.abs().max()
