"""Stable Diffusion (DDIM, so that ``official`` is here, too), also with a ControlNet and an
IP-Adapter, Stable Diffusion 3 (flow matching, both halves in one batch) and DiT-MoE (experts)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from w2sd_video.pipelines.dit_moe.experts import gates

from w2sd_video import Reflection, Side

from ...tiny.parts import LENGTH
from ...tiny.unet import SIZE
from .loop import STEPS, ByHand, Level, Scale, levels_of_times, prompts


class SD(ByHand):
    shape, scale = (1, 4, 8, 8), 5.0

    def levels(self) -> list[Level]:
        return levels_of_times(self.scheduler)

    def parts(self, x: Tensor, out: Tensor, level: Level) -> tuple[Tensor, Tensor]:
        return (x - level[1] * out) / level[0], out

    def denoise(self, x: Tensor, t: Tensor, side: Side) -> tuple[Tensor, Tensor, Scale]:
        prompt, negative = prompts(side)
        c, u = self.pipe.encode_prompt(prompt, "cpu", 1, True, negative)
        text = torch.cat([u, c])
        out = self.modules(side)[0](torch.cat([x, x]), t, encoder_hidden_states=text).sample
        return out[1:], out[:1], self.scale


class Conditioned(SD):
    """With a ControlNet and an IP-Adapter, both of which see both halves."""

    @property
    def pairs(self) -> list[tuple[Side, Side]]:
        more = Side(None, 7.0, {"art": 1.6}, "a big red circle", None, 1.3, 1.2)
        less = Side(self.others, 1.5, {"art": -0.7}, "a ring", "a star", 0.4, 0.3)
        off = Side(self.others, 1.0, {"art": 0.0}, "a ring", None, 0.0, 0.0)
        return [(Side(), less), (more, less), (more, off)]

    def denoise(self, x: Tensor, t: Tensor, side: Side) -> tuple[Tensor, Tensor, Scale]:
        prompt, negative = prompts(side)
        c, u = self.pipe.encode_prompt(prompt, "cpu", 1, True, negative)
        both, text = torch.cat([x, x]), torch.cat([u, c])
        given = self.family.call()
        image = self.pipe.prepare_image(
            given["image"], SIZE, SIZE, 1, 1, "cpu", torch.float32, do_classifier_free_guidance=True
        )
        scale = 1.0 if side.controlnet_scale is None else side.controlnet_scale
        down, middle = self.pipe.controlnet(both, t, text, image, scale, return_dict=False)
        embeds = self.pipe.prepare_ip_adapter_image_embeds(
            None, given["ip_adapter_image_embeds"], "cpu", 1, True
        )
        unet = self.modules(side)[0]
        seen = 1.0 if side.ip_adapter_scale is None else side.ip_adapter_scale
        with ip_adapter_at(unet, seen):
            out = unet(
                both,
                t,
                text,
                down_block_additional_residuals=down,
                mid_block_additional_residual=middle,
                added_cond_kwargs={"image_embeds": embeds},
            ).sample
        return out[1:], out[:1], self.scale


@contextmanager
def ip_adapter_at(unet: nn.Module, scale: float) -> Iterator[None]:
    processors = [p for p in unet.attn_processors.values() if hasattr(p, "scale")]
    assert processors
    for processor in processors:
        processor.scale = [scale]
    yield
    for processor in processors:
        processor.scale = [1.0]


class DiTMoE(SD):
    """A mixture of experts, of classes; it begins with noise of its own, and gives pixels."""

    shape, scale = (1, 4, 8, 8), 4.0

    @property
    def pairs(self) -> list[tuple[Side, Side]]:
        worst = Side(experts="worst")
        more = Side(None, 7.0, {"art": 1.6}, experts="best")
        less = Side(self.others, 1.5, {"art": -0.7}, experts="worst")
        conditional = Side(self.others, 1.0, {"art": 0.4}, experts="worst")
        return [(Side(), worst), (worst, Side()), (more, less), (more, conditional)]

    def begin_with(self) -> Tensor:
        size = self.pipe.transformer.config.sample_size
        return torch.randn((1, 4, size, size), generator=torch.Generator().manual_seed(5))

    def run(self, reflection: Reflection, **call: Any) -> tuple[Tensor, ...]:
        generator = torch.Generator().manual_seed(5)
        return (
            self.family.run(
                self.pipe, steps=STEPS, reflection=reflection, generator=generator, **call
            ),
        )

    def denoise(self, x: Tensor, t: Tensor, side: Side) -> tuple[Tensor, Tensor, Scale]:
        module = self.modules(side)[0]
        classes = torch.tensor([self.family.prompts[0], 1000])
        with experts_of(module, side.experts or "best"):
            out = module(torch.cat([x, x]), t.expand(2), classes).sample[:, :4]
        return out[:1], out[1:], self.scale

    def shown(self, x: Tensor) -> tuple[Tensor, ...]:
        image = self.pipe.vae.decode(x / self.pipe.vae.config.scaling_factor).sample
        return ((image / 2 + 0.5).clamp(0, 1),)


@contextmanager
def experts_of(module: nn.Module, which: str) -> Iterator[None]:
    for gate in gates(module):
        gate.experts = which
    yield
    for gate in gates(module):
        gate.experts = "best"


class SD3(ByHand):
    shape, scale = (1, 4, 8, 8), 4.5

    def denoise(self, x: Tensor, t: Tensor, side: Side) -> tuple[Tensor, Tensor, Scale]:
        prompt, negative = prompts(side)
        c, u, pooled_c, pooled_u = self.pipe.encode_prompt(
            prompt, None, None, negative_prompt=negative, max_sequence_length=LENGTH
        )
        out = self.modules(side)[0](
            hidden_states=torch.cat([x, x]),
            timestep=t.expand(2),
            encoder_hidden_states=torch.cat([u, c]),
            pooled_projections=torch.cat([pooled_u, pooled_c]),
        ).sample
        return out[1:], out[:1], self.scale
