"""Tiny AnimateDiff calls that several tests make."""

from __future__ import annotations

import torch
from peft import LoraConfig

from w2sd_video import Side

from .. import tiny

GUIDANCE = Side(guidance_scale=1.0)


def frames(pipe: object, **changes: object) -> torch.Tensor:
    return pipe(**tiny.call(**changes)).frames


def add_lora(unet: torch.nn.Module, name: str = "art", seed: int = 7) -> None:
    """A LoRA that does something (peft starts B at zero), the same each time."""
    unet.add_adapter(
        LoraConfig(r=2, lora_alpha=2, target_modules=["to_q", "to_k", "to_v"]), adapter_name=name
    )
    generator = torch.Generator().manual_seed(seed)
    for key, p in unet.named_parameters():
        if f".{name}." in key:
            p.data.copy_(torch.randn(p.shape, generator=generator) * 0.5)
