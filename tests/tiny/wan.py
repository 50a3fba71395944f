"""Wan 2.1 and 2.2."""

from __future__ import annotations

import importlib
from types import SimpleNamespace
from typing import Any

from diffusers import (
    UniPCMultistepScheduler,
    WanImageToVideoPipeline,
    WanPipeline,
    WanTransformer3DModel,
    WanVideoToVideoPipeline,
)
from transformers import (
    CLIPImageProcessor,
    CLIPVisionConfig,
    CLIPVisionModel,
    UMT5Config,
    UMT5EncoderModel,
)

from .family import Tiny
from .parts import LENGTH, VISION, VISION_SIZE, WIDTH, letters, picture, pictures, t5, wan_vae

# Two of the pipelines clean prompts with ftfy without asking whether it is installed.
for _name in ("pipeline_wan_i2v", "pipeline_wan_video2video"):
    _module = importlib.import_module(f"diffusers.pipelines.wan.{_name}")
    if not hasattr(_module, "ftfy"):
        _module.ftfy = SimpleNamespace(fix_text=str)

SIZE = 32  # 4 x 4 latents
FRAMES = 5  # 2 latents


def _transformer(channels: int, out_channels: int = 4, **config: Any) -> WanTransformer3DModel:
    return WanTransformer3DModel(
        num_attention_heads=2,
        attention_head_dim=12,
        in_channels=channels,
        out_channels=out_channels,
        text_dim=WIDTH,
        freq_dim=16,
        ffn_dim=32,
        num_layers=1,
        rope_max_seq_len=32,
        **config,
    )


def _parts(channels: int = 4, flow_shift: float = 3.0, **config: Any) -> dict[str, Any]:
    return {
        "tokenizer": letters(),
        "text_encoder": t5(UMT5EncoderModel, UMT5Config),
        "transformer": _transformer(channels, **config),
        "vae": wan_vae(),
        "scheduler": UniPCMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=flow_shift
        ),
    }


def _pair(channels: int = 4) -> dict[str, Any]:
    """Wan 2.2: one transformer above the boundary, another below."""
    low = _transformer(channels)
    return {**_parts(channels), "transformer_2": low, "boundary_ratio": 0.875}


def _tokens() -> dict[str, Any]:
    """Wan 2.2 TI2V: a timestep for every token, and a VAE with 16 x 16 pixels a latent."""
    packed = wan_vae(
        in_channels=12, out_channels=12, is_residual=True, patch_size=2, scale_factor_spatial=16
    )
    return {**_parts(flow_shift=5.0), "vae": packed, "expand_timesteps": True}


def _image_encoder() -> dict[str, Any]:
    return {
        "image_encoder": CLIPVisionModel(CLIPVisionConfig(**VISION)),
        "image_processor": CLIPImageProcessor(size=VISION_SIZE, crop_size=VISION_SIZE),
    }


def _call(batch: int, size: int = SIZE) -> dict[str, Any]:
    return {
        "height": size,
        "width": size,
        "guidance_scale": 5.0,
        "max_sequence_length": LENGTH,
    }


def _clip(batch: int, size: int = SIZE) -> dict[str, Any]:
    return {**_call(batch, size), "num_frames": FRAMES}


def _animated(batch: int, size: int = SIZE) -> dict[str, Any]:
    return {**_clip(batch, size), "image": picture(size)}


FAMILIES = {
    "WanPipeline": Tiny(WanPipeline, _parts, _clip),
    "WanPipeline-2.2": Tiny(
        WanPipeline, _pair, lambda batch: {**_clip(batch), "guidance_scale_2": 3.0}
    ),
    "WanPipeline-ti2v": Tiny(WanPipeline, _tokens, lambda batch: _clip(batch, 2 * SIZE)),
    "WanImageToVideoPipeline": Tiny(
        WanImageToVideoPipeline,
        lambda: {**_parts(4 + 4 + 4, image_dim=8, added_kv_proj_dim=24), **_image_encoder()},
        _animated,
    ),
    "WanImageToVideoPipeline-2.2": Tiny(
        WanImageToVideoPipeline,
        lambda: _pair(4 + 4 + 4),
        lambda batch: {**_animated(batch), "guidance_scale_2": 3.0},
    ),
    "WanImageToVideoPipeline-ti2v": Tiny(
        WanImageToVideoPipeline, _tokens, lambda batch: _animated(batch, 2 * SIZE)
    ),
    "WanVideoToVideoPipeline": Tiny(
        WanVideoToVideoPipeline,
        _parts,
        lambda batch: {**_call(batch), "video": [pictures(FRAMES, SIZE)] * batch},
    ),
}
