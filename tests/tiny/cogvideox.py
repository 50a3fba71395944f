"""CogVideoX."""

from __future__ import annotations

from typing import Any

from diffusers import (
    AutoencoderKLCogVideoX,
    CogVideoXDDIMScheduler,
    CogVideoXDPMScheduler,
    CogVideoXImageToVideoPipeline,
    CogVideoXPipeline,
    CogVideoXTransformer3DModel,
    CogVideoXVideoToVideoPipeline,
)

from .family import Tiny
from .parts import LENGTH, WIDTH, picture, pictures, t5_parts

SIZE = 16  # 4 x 4 latents
FRAMES = 5  # 2 latents


def _parts(channels: int = 4, dpm: bool = False, **config: Any) -> dict[str, Any]:
    schedule = {
        "beta_schedule": "scaled_linear",
        "clip_sample": False,
        "prediction_type": "v_prediction",
        "rescale_betas_zero_snr": True,
        "snr_shift_scale": 3.0,
        "timestep_spacing": "trailing",
    }
    return {
        **t5_parts(),
        "transformer": CogVideoXTransformer3DModel(
            num_attention_heads=2,
            attention_head_dim=16,
            in_channels=channels,
            out_channels=4,
            time_embed_dim=8,
            text_embed_dim=WIDTH,
            num_layers=1,
            sample_width=4,
            sample_height=4,
            sample_frames=5,
            max_text_seq_length=LENGTH,
            **config,
        ),
        "vae": AutoencoderKLCogVideoX(
            down_block_types=("CogVideoXDownBlock3D",) * 3,
            up_block_types=("CogVideoXUpBlock3D",) * 3,
            block_out_channels=(8, 8, 8),
            latent_channels=4,
            layers_per_block=1,
            norm_num_groups=2,
        ),
        "scheduler": (CogVideoXDPMScheduler if dpm else CogVideoXDDIMScheduler)(**schedule),
    }


def _call(batch: int) -> dict[str, Any]:
    return {
        "height": SIZE,
        "width": SIZE,
        "guidance_scale": 6.0,
        "max_sequence_length": LENGTH,
    }


def _clip(batch: int) -> dict[str, Any]:
    return {**_call(batch), "num_frames": FRAMES}


FAMILIES = {
    "CogVideoXPipeline": Tiny(CogVideoXPipeline, _parts, _clip),
    "CogVideoXPipeline-dpm": Tiny(CogVideoXPipeline, lambda: _parts(dpm=True), _clip),
    "CogVideoXPipeline-dynamic": Tiny(
        CogVideoXPipeline,
        lambda: _parts(dpm=True),
        lambda batch: {**_clip(batch), "use_dynamic_cfg": True},
    ),
    "CogVideoXImageToVideoPipeline": Tiny(
        CogVideoXImageToVideoPipeline,
        lambda: _parts(
            8, use_rotary_positional_embeddings=True, use_learned_positional_embeddings=True
        ),
        lambda batch: {**_clip(batch), "image": [picture(SIZE)] * batch},
    ),
    "CogVideoXVideoToVideoPipeline": Tiny(
        CogVideoXVideoToVideoPipeline,
        _parts,
        lambda batch: {**_call(batch), "video": [pictures(FRAMES, SIZE)] * batch},
    ),
}
