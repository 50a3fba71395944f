"""Video transformers of which there are one or two pipelines each."""

from __future__ import annotations

from typing import Any

from diffusers import (
    AllegroPipeline,
    AllegroTransformer3DModel,
    AutoencoderKLAllegro,
    AutoencoderKLMochi,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    LattePipeline,
    LatteTransformer3DModel,
    MochiPipeline,
    MochiTransformer3DModel,
    SanaImageToVideoPipeline,
    SanaVideoPipeline,
    SanaVideoTransformer3DModel,
)

from .family import Tiny
from .parts import LENGTH, WIDTH, ddim, flow, gemma, letters, picture, t5_parts, vae, wan_vae


def _latte() -> dict[str, Any]:
    return {
        **t5_parts(),
        "transformer": LatteTransformer3DModel(
            num_attention_heads=2,
            attention_head_dim=8,
            in_channels=4,
            out_channels=8,  # half of them a variance that is thrown away
            cross_attention_dim=16,
            attention_bias=True,
            sample_size=8,
            patch_size=2,
            activation_fn="gelu-approximate",
            num_embeds_ada_norm=1000,
            norm_type="ada_norm_single",
            norm_elementwise_affine=False,
            caption_channels=WIDTH,
            video_length=2,
        ),
        "vae": vae(),
        "scheduler": ddim(beta_start=0.0001, beta_end=0.02, beta_schedule="linear"),
    }


def _mochi() -> dict[str, Any]:
    return {
        **t5_parts(),
        "transformer": MochiTransformer3DModel(
            num_attention_heads=2,
            attention_head_dim=8,
            num_layers=2,
            pooled_projection_dim=8,
            in_channels=12,
            text_embed_dim=WIDTH,
            time_embed_dim=4,
            max_sequence_length=LENGTH,
        ),
        "vae": AutoencoderKLMochi(
            encoder_block_out_channels=(32, 32, 32, 32),
            decoder_block_out_channels=(32, 32, 32, 32),
            layers_per_block=(1, 1, 1, 1, 1),
        ),
        "scheduler": flow(invert_sigmas=True),
    }


def _sana() -> dict[str, Any]:
    return {
        "tokenizer": letters(),
        "text_encoder": gemma(),
        "transformer": SanaVideoTransformer3DModel(
            in_channels=4,
            out_channels=4,
            num_attention_heads=2,
            attention_head_dim=12,
            num_layers=1,
            num_cross_attention_heads=2,
            cross_attention_head_dim=12,
            cross_attention_dim=24,
            caption_channels=WIDTH,
            sample_size=4,
            rope_max_seq_len=32,
        ),
        "vae": wan_vae(),
        "scheduler": DPMSolverMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=8.0
        ),
    }


def _sana_call(batch: int) -> dict[str, Any]:
    return {
        "height": 32,
        "width": 32,
        "frames": 5,
        "guidance_scale": 6.0,
        "complex_human_instruction": [],
        "use_resolution_binning": False,
        "max_sequence_length": LENGTH,
    }


def _allegro() -> dict[str, Any]:
    return {
        **t5_parts(),
        "transformer": AllegroTransformer3DModel(
            num_attention_heads=2,
            attention_head_dim=12,
            num_layers=1,
            cross_attention_dim=24,
            sample_height=4,
            sample_width=4,
            sample_frames=2,
            caption_channels=WIDTH,
        ),
        "vae": AutoencoderKLAllegro(
            down_block_types=("AllegroDownBlock3D",) * 4,
            up_block_types=("AllegroUpBlock3D",) * 4,
            block_out_channels=(8, 8, 8, 8),
            layers_per_block=1,
            norm_num_groups=2,
        ),
        "scheduler": EulerAncestralDiscreteScheduler(
            beta_start=0.0001, beta_end=0.02, timestep_spacing="linspace"
        ),
    }


FAMILIES = {
    "LattePipeline": Tiny(
        LattePipeline,
        _latte,
        lambda batch: {
            "height": 8,
            "width": 8,
            "video_length": 2,
            "guidance_scale": 7.5,
            "clean_caption": False,
        },
    ),
    "MochiPipeline": Tiny(
        MochiPipeline,
        _mochi,
        lambda batch: {
            "height": 32,
            "width": 32,
            "num_frames": 7,
            "guidance_scale": 4.5,
            "max_sequence_length": LENGTH,
        },
    ),
    "SanaVideoPipeline": Tiny(SanaVideoPipeline, _sana, _sana_call),
    "SanaImageToVideoPipeline": Tiny(
        SanaImageToVideoPipeline,
        lambda: {**_sana(), "scheduler": flow(shift=8.0)},
        lambda batch: {**_sana_call(batch), "image": picture(32)},
    ),
    "AllegroPipeline": Tiny(
        AllegroPipeline,
        _allegro,
        lambda batch: {
            "height": 32,
            "width": 32,
            "num_frames": 8,
            "guidance_scale": 7.5,
            "clean_caption": False,
            "max_sequence_length": LENGTH,
        },
    ),
}
