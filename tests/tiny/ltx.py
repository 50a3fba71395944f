"""LTX-Video and LTX-2."""

from __future__ import annotations

from typing import Any

from diffusers import (
    AutoencoderKLLTX2Audio,
    AutoencoderKLLTX2Video,
    AutoencoderKLLTXVideo,
    LTX2ImageToVideoPipeline,
    LTX2Pipeline,
    LTX2VideoTransformer3DModel,
    LTXImageToVideoPipeline,
    LTXPipeline,
    LTXVideoTransformer3DModel,
)
from diffusers.pipelines.ltx2 import LTX2TextConnectors, LTX2Vocoder
from transformers import Gemma3Config, Gemma3ForConditionalGeneration

from .family import Tiny
from .parts import LENGTH, VISION, WIDTH, decoder_config, flow, letters, picture, t5_parts

SCHEDULE = {
    "use_dynamic_shifting": True,
    "base_shift": 0.95,
    "max_shift": 2.05,
    "base_image_seq_len": 1024,
    "max_image_seq_len": 4096,
    "shift_terminal": 0.1,
}


def _ltx() -> dict[str, Any]:
    return {
        **t5_parts(),
        "transformer": LTXVideoTransformer3DModel(
            in_channels=8,
            out_channels=8,
            num_attention_heads=2,
            attention_head_dim=8,
            cross_attention_dim=16,
            num_layers=1,
            caption_channels=WIDTH,
        ),
        "vae": AutoencoderKLLTXVideo(
            latent_channels=8,
            block_out_channels=(8, 8, 8, 8),
            decoder_block_out_channels=(8, 8, 8, 8),
            layers_per_block=(1, 1, 1, 1, 1),
            decoder_layers_per_block=(1, 1, 1, 1, 1),
            spatio_temporal_scaling=(True, True, False, False),
            decoder_spatio_temporal_scaling=(True, True, False, False),
            decoder_inject_noise=(False,) * 5,
            upsample_residual=(False,) * 4,
            upsample_factor=(1,) * 4,
            patch_size=1,
        ),
        "scheduler": flow(**SCHEDULE),
    }


def _ltx_call(batch: int) -> dict[str, Any]:
    return {
        "height": 32,
        "width": 32,
        "num_frames": 5,
        "guidance_scale": 3.0,
        "max_sequence_length": LENGTH,
    }


def _ltx_image_call(batch: int) -> dict[str, Any]:
    return {**_ltx_call(batch), "image": [picture(32)] * batch}


def _ltx2() -> dict[str, Any]:
    """Video and audio in one transformer."""
    heads = {"attention_head_dim": 8, "num_attention_heads": 2}
    connector = {**heads, "num_layers": 1, "num_learnable_registers": None}
    return {
        "tokenizer": letters(),
        "text_encoder": _gemma_3(),
        "connectors": LTX2TextConnectors(
            caption_channels=WIDTH,
            text_proj_in_factor=3,  # one hidden state more than layers
            connector_rope_base_seq_len=LENGTH,
            rope_double_precision=False,
            rope_type="split",
            **{f"video_connector_{name}": value for name, value in connector.items()},
            **{f"audio_connector_{name}": value for name, value in connector.items()},
        ),
        "transformer": LTX2VideoTransformer3DModel(
            in_channels=4,
            out_channels=4,
            cross_attention_dim=16,
            audio_in_channels=4,
            audio_out_channels=4,
            audio_cross_attention_dim=16,
            num_layers=2,
            caption_channels=WIDTH,
            rope_double_precision=False,
            rope_type="split",
            **heads,
            **{f"audio_{name}": value for name, value in heads.items()},
        ),
        "vae": AutoencoderKLLTX2Video(
            latent_channels=4,
            block_out_channels=(8,),
            decoder_block_out_channels=(8,),
            layers_per_block=(1,),
            decoder_layers_per_block=(1, 1),
            spatio_temporal_scaling=(True,),
            decoder_spatio_temporal_scaling=(True,),
            decoder_inject_noise=(False, False),
            downsample_type=("spatial",),
            upsample_residual=(False,),
            upsample_factor=(1,),
        ),
        "audio_vae": AutoencoderKLLTX2Audio(
            base_channels=4,
            ch_mult=(1,),
            num_res_blocks=1,
            resolution=32,
            latent_channels=2,
            mel_bins=8,
        ),
        "vocoder": LTX2Vocoder(
            in_channels=2 * 8,
            hidden_channels=8,
            upsample_kernel_sizes=[4, 4],
            upsample_factors=[2, 2],
            resnet_kernel_sizes=[3],
            resnet_dilations=[[1]],
        ),
        "scheduler": flow(**SCHEDULE),
    }


def _gemma_3() -> Gemma3ForConditionalGeneration:
    config = Gemma3Config(text_config=decoder_config(), vision_config=VISION, mm_tokens_per_image=4)
    return Gemma3ForConditionalGeneration(config)


def _ltx2_call(batch: int) -> dict[str, Any]:
    """Plain guidance; the other two kinds are in a variant."""
    return {
        "height": 32,
        "width": 32,
        "num_frames": 3,
        "guidance_scale": 3.0,
        "stg_scale": 0.0,
        "modality_scale": 1.0,
        "audio_guidance_scale": 3.0,
        "audio_stg_scale": 0.0,
        "audio_modality_scale": 1.0,
        "max_sequence_length": LENGTH,
    }


FAMILIES = {
    "LTXPipeline": Tiny(LTXPipeline, _ltx, _ltx_call),
    "LTXImageToVideoPipeline": Tiny(LTXImageToVideoPipeline, _ltx, _ltx_image_call),
    "LTX2Pipeline": Tiny(LTX2Pipeline, _ltx2, _ltx2_call),
    "LTX2Pipeline-all": Tiny(
        LTX2Pipeline,
        _ltx2,
        lambda batch: {
            **_ltx2_call(batch),
            "stg_scale": 1.0,
            "modality_scale": 3.0,
            "audio_guidance_scale": 7.0,
            "audio_stg_scale": 1.0,
            "audio_modality_scale": 3.0,
            "spatio_temporal_guidance_blocks": [1],
        },
    ),
    "LTX2ImageToVideoPipeline": Tiny(
        LTX2ImageToVideoPipeline,
        _ltx2,
        lambda batch: {**_ltx2_call(batch), "image": [picture(32)] * batch, "image_crf": 0},
    ),
}
