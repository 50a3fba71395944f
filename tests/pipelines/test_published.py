"""Parity with the published code."""

from __future__ import annotations

from typing import Any

import diffusers
import pytest
import torch
from w2sd_video.pipelines.families import reflecting_class

from w2sd_video import Reflection, Side

from .. import tiny
from ..tiny.unet import SIZE
from .animatediff import add_lora


@pytest.mark.parametrize("key", ["StableDiffusionPipeline", "StableDiffusionXLPipeline"])
def test_official_equals_a_plain_loop(key: str) -> None:
    """Strong, weak and final LoRA scales and guidance all different, as published."""
    family = tiny.FAMILIES[key]
    pipe = family.make(reflecting_class(family.stock))
    pipe.scheduler = tiny.ddim()  # SDXL comes with another
    add_lora(pipe.unet)
    for part in pipe.components.values():
        if isinstance(part, torch.nn.Module):
            part.double()
    strong, weak, final = (5.5, 1.5), (1.0, -1.5), (4.5, 0.8)
    steps, told = 10, conditions(pipe)

    @torch.no_grad()
    def model(x: torch.Tensor, t: torch.Tensor, guidance: float, lora: float) -> torch.Tensor:
        pipe.unet.set_adapters(["art"], [lora])
        out = pipe.unet(torch.cat([x, x]), t, **told).sample
        u, c = out.chunk(2)
        return u + guidance * (c - u)

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
    reflection = Reflection(
        strong=Side(guidance_scale=strong[0], adapters={"art": strong[1]}),
        weak=Side(guidance_scale=weak[0], adapters={"art": weak[1]}),
        mode="official",
    )
    got = pipe(
        "a red circle",
        num_inference_steps=steps,
        guidance_scale=final[0],
        height=SIZE,
        width=SIZE,
        latents=noise,
        output_type="latent",
        reflection=reflection,
    ).images
    assert (got - x).abs().max() <= 1e-6 * x.abs().max()
    assert pipe.run.evaluations == reflection.cost(final[0], steps)


@torch.no_grad()
def conditions(pipe: Any) -> dict[str, Any]:
    """What the denoiser is told of prompt and size, for both halves of guidance."""
    if not hasattr(pipe, "text_encoder_2"):
        c, u = pipe.encode_prompt("a red circle", "cpu", 1, True)
        return {"encoder_hidden_states": torch.cat([u, c])}
    c, u, pooled_c, pooled_u = pipe.encode_prompt("a red circle")
    size = torch.tensor([[SIZE, SIZE, 0, 0, SIZE, SIZE]] * 2, dtype=torch.float64)
    added = {"text_embeds": torch.cat([pooled_u, pooled_c]), "time_ids": size}
    return {"encoder_hidden_states": torch.cat([u, c]), "added_cond_kwargs": added}
