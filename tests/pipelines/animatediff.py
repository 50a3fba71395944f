"""Tiny AnimateDiff calls that several tests make."""

from __future__ import annotations

import torch
from peft import LoraConfig
from peft.tuners.lora import LoraLayer

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


def state_of(pipe: object) -> dict[str, object]:
    """What a call must leave as it was."""
    hooks = [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in pipe.unet.modules()]
    return {
        "class": type(pipe),
        "scheduler": pipe.scheduler,
        "unet": pipe.unet,
        "names": {k for k in pipe.__dict__ if k not in ("run", "_progress_bar_config")}
        - {"_guidance_scale", "_clip_skip", "_cross_attention_kwargs", "_interrupt"}
        - {"_num_timesteps"},
        "hooks": hooks,
        "config": dict(pipe.config),
        "lora": [
            (m.active_adapters, m.disable_adapters, dict(m.scaling))
            for m in pipe.unet.modules()
            if isinstance(m, LoraLayer)
        ],
    }
