"""Tiny pipelines with random weights: real diffusers classes, milliseconds a call."""

from __future__ import annotations

import torch
from diffusers import (
    AnimateDiffPipeline,
    AutoencoderKL,
    DDIMScheduler,
    MotionAdapter,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextConfig, CLIPTextModel

from w2sd_video.shapes.models import make_tokenizer

CHANNELS = (8, 16)


def ddim(**changes: object) -> DDIMScheduler:
    config = {
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "beta_schedule": "scaled_linear",
        "clip_sample": False,
        "set_alpha_to_one": False,
        "steps_offset": 1,
    }
    return DDIMScheduler(**{**config, **changes})


def unet(seed: int = 0) -> UNet2DConditionModel:
    torch.manual_seed(seed)
    return UNet2DConditionModel(
        sample_size=8,
        in_channels=4,
        out_channels=4,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        block_out_channels=CHANNELS,
        layers_per_block=1,
        cross_attention_dim=16,
        attention_head_dim=2,
        norm_num_groups=4,
    ).eval()


def motion_adapter(seed: int = 0) -> MotionAdapter:
    torch.manual_seed(seed)
    return MotionAdapter(
        block_out_channels=CHANNELS,
        motion_layers_per_block=1,
        motion_num_attention_heads=2,
        motion_norm_num_groups=4,
        motion_max_seq_length=16,
    )


def _components() -> dict[str, object]:
    torch.manual_seed(0)
    tokenizer = make_tokenizer()
    text_encoder = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            max_position_embeddings=32,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    ).eval()
    vae = AutoencoderKL(
        block_out_channels=(8,),
        down_block_types=("DownEncoderBlock2D",),
        up_block_types=("UpDecoderBlock2D",),
        latent_channels=4,
        norm_num_groups=4,
    ).eval()
    return {
        "vae": vae,
        "text_encoder": text_encoder,
        "tokenizer": tokenizer,
        "scheduler": ddim(),
    }


def animatediff(cls: type = AnimateDiffPipeline) -> AnimateDiffPipeline:
    pipe = cls(**_components(), unet=unet(), motion_adapter=motion_adapter())
    pipe.set_progress_bar_config(disable=True)
    return pipe


def stable_diffusion(cls: type = StableDiffusionPipeline) -> StableDiffusionPipeline:
    parts = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    pipe = cls(**_components(), unet=unet(), **parts)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def call(steps: int = 4, **changes: object) -> dict[str, object]:
    """Arguments of a small call that returns latents."""
    return {
        "prompt": "a red circle",
        "num_frames": 2,
        "height": 8,
        "width": 8,
        "num_inference_steps": steps,
        "guidance_scale": 5.0,
        "generator": torch.Generator().manual_seed(0),
        "output_type": "latent",
        **changes,
    }
