"""The weak stage really sees each difference: against the method written out by hand."""

from __future__ import annotations

import copy
from pathlib import Path

import torch
from diffusers import UNetMotionModel
from w2sd_video.pipelines import (
    load_denoiser,
)

from w2sd_video import Reflection, Side

from .. import tiny
from .animatediff import GUIDANCE, add_lora, frames


def by_hand(pipe: object, weak_output: object, steps: int = 4) -> torch.Tensor:
    """Exact reflection of every step, written out, with a given weak model."""
    scheduler = tiny.ddim()
    scheduler.set_timesteps(steps)
    embeds = torch.cat([*reversed(pipe.encode_prompt("a red circle", "cpu", 1, True))])
    embeds = embeds.repeat_interleave(2, dim=0)

    def guided(
        unet: object, x: torch.Tensor, t: object, scale: float, text: object
    ) -> torch.Tensor:
        u, c = unet(torch.cat([x, x]), t, encoder_hidden_states=text).sample.chunk(2)
        return u + scale * (c - u)

    x = torch.randn((1, 4, 2, 8, 8), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        for t in scheduler.timesteps:
            strong = guided(pipe.unet, x, t, 5.0, embeds)
            lower = scheduler.step(strong, t, x).prev_sample
            alphas = scheduler.alphas_cumprod
            here = alphas[t]
            there = alphas[t - 250] if t >= 250 else scheduler.final_alpha_cumprod
            a = (there / here) ** 0.5
            b = (1 - there) ** 0.5 - a * (1 - here) ** 0.5
            weak = weak_output(guided, lower, t, embeds)
            shifted = (lower - b * weak) / a  # the inverse step, literally
            x = scheduler.step(guided(pipe.unet, shifted, t, 5.0, embeds), t, shifted).prev_sample
    return x


def same(got: torch.Tensor, expected: torch.Tensor) -> bool:
    return bool((got - expected).abs().max() <= 2e-5 * expected.abs().max())


def test_weak_guidance(pipe: object) -> None:
    for scale in (0.0, 1.0, 2.5):
        expected = by_hand(pipe, lambda g, x, t, e, s=scale: g(pipe.unet, x, t, s, e))
        got = frames(pipe, reflection=Reflection(weak=Side(guidance_scale=scale)))
        assert same(got, expected)


def test_weak_weights(pipe: object) -> None:
    other = tiny.animatediff().unet
    torch.manual_seed(3)
    for p in other.parameters():
        p.data += 0.05 * torch.randn_like(p)
    expected = by_hand(pipe, lambda g, x, t, e: g(other, x, t, 5.0, e))
    assert same(frames(pipe, reflection=Reflection(weak=Side(denoiser=other))), expected)


def test_weak_prompt(pipe: object) -> None:
    text = torch.cat([*reversed(pipe.encode_prompt("a ring", "cpu", 1, True, "a cross"))])
    text = text.repeat_interleave(2, dim=0)
    expected = by_hand(pipe, lambda g, x, t, e: g(pipe.unet, x, t, 5.0, text))
    weak = Side(prompt="a ring", negative_prompt="a cross")
    assert same(frames(pipe, reflection=Reflection(weak=weak)), expected)


def test_weak_lora(pipe: object) -> None:
    add_lora(pipe.unet)

    def weak_output(guided: object, x: object, t: object, e: object) -> torch.Tensor:
        pipe.unet.set_adapters(["art"], [-0.7])
        out = guided(pipe.unet, x, t, 5.0, e)
        pipe.unet.set_adapters(["art"], [1.0])
        return out

    expected = by_hand(pipe, weak_output)
    got = frames(pipe, reflection=Reflection(weak=Side(adapters={"art": -0.7})))
    assert same(got, expected)


def test_lora_scale_zero_is_no_lora(pipe: object) -> None:
    plain = copy.deepcopy(pipe.unet)
    add_lora(pipe.unet)
    off = frames(pipe, reflection=Reflection(weak=Side(adapters={"art": 0.0})))
    without = frames(pipe, reflection=Reflection(weak=Side(denoiser=plain)))
    assert torch.equal(off, without)


def test_an_image_unet_gets_the_motion_modules(pipe: object, tmp_path: Path) -> None:
    tiny.unet(seed=5).save_pretrained(tmp_path / "unet")
    weak = load_denoiser(pipe, str(tmp_path))
    assert isinstance(weak, UNetMotionModel)
    own = dict(pipe.unet.named_parameters())
    for name, p in weak.named_parameters():
        shared = p.data_ptr() == own[name].data_ptr()
        assert shared == torch.equal(p, own[name])
        if "motion_modules" in name:
            assert shared
    assert any(p.data_ptr() != own[n].data_ptr() for n, p in weak.named_parameters())
    expected = by_hand(pipe, lambda g, x, t, e: g(weak, x, t, 5.0, e))
    assert same(frames(pipe, reflection=Reflection(weak=Side(denoiser=weak))), expected)
    plain_image_unet = Side(denoiser=tiny.unet(seed=5))  # without load_denoiser
    assert same(frames(pipe, reflection=Reflection(weak=plain_image_unet)), expected)


def test_a_side_may_have_guidance_where_the_call_has_none(pipe: object) -> None:
    strong = Reflection(strong=Side(guidance_scale=5.0), weak=GUIDANCE)
    clip = frames(pipe, guidance_scale=1.0, reflection=strong)
    assert pipe.run.evaluations == 4 * (2 + 1 + 1) == strong.cost(1.0, 4)
    # Without the call's guidance the final steps are those of the conditional model.
    same_sides = Reflection(strong=GUIDANCE, weak=GUIDANCE, mode="implicit")
    plain = frames(pipe, guidance_scale=1.0)
    assert torch.equal(frames(pipe, guidance_scale=1.0, reflection=same_sides), plain)
    assert not torch.equal(clip, plain)


def test_differences_combine(pipe: object) -> None:
    add_lora(pipe.unet)
    text = torch.cat([*reversed(pipe.encode_prompt("a ring", "cpu", 1, True))])
    text = text.repeat_interleave(2, dim=0)

    def weak_output(guided: object, x: object, t: object, e: object) -> torch.Tensor:
        pipe.unet.set_adapters(["art"], [0.3])
        out = guided(pipe.unet, x, t, 2.0, text)
        pipe.unet.set_adapters(["art"], [1.0])
        return out

    expected = by_hand(pipe, weak_output)
    weak = Side(guidance_scale=2.0, adapters={"art": 0.3}, prompt="a ring")
    assert same(frames(pipe, reflection=Reflection(weak=weak)), expected)
