"""Image transformers, two of them with IP-Adapters."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import (
    AutoencoderDC,
    DiTPipeline,
    DiTTransformer2DModel,
    DPMSolverMultistepScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
    PixArtAlphaPipeline,
    PixArtSigmaPipeline,
    PixArtTransformer2DModel,
    SanaPipeline,
    SanaTransformer2DModel,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
)
from diffusers.models.attention_processor import SD3IPAdapterJointAttnProcessor2_0
from diffusers.models.embeddings import IPAdapterTimeImageProjection
from torch import nn
from transformers import CLIPTextModelWithProjection
from w2sd_video.pipelines.dit_moe import DiTMoEPipeline, DiTMoETransformer2DModel

from .family import Tiny
from .parts import (
    LENGTH,
    WIDTH,
    clip,
    clip_tokenizer,
    ddim,
    flow,
    gemma,
    image_embeds,
    image_projection,
    letters,
    t5,
    t5_parts,
    vae,
)

SIZE = 8


def _call(batch: int) -> dict[str, Any]:
    return {
        "height": SIZE,
        "width": SIZE,
        "guidance_scale": 4.5,
        "max_sequence_length": LENGTH,
    }


# --- Stable Diffusion 3, Flux --------------------------------------------------------------


def _bare_vae(channels: int) -> dict[str, Any]:
    options = {"use_quant_conv": False, "use_post_quant_conv": False, "shift_factor": 0.06}
    return {"vae": vae(latent_channels=channels, **options)}


def _sd3() -> dict[str, Any]:
    return {
        "tokenizer": clip_tokenizer(),
        "text_encoder": clip(CLIPTextModelWithProjection),
        "tokenizer_2": clip_tokenizer(),
        "text_encoder_2": clip(CLIPTextModelWithProjection),
        "tokenizer_3": letters(),
        "text_encoder_3": t5(width=2 * WIDTH),
        "transformer": SD3Transformer2DModel(
            sample_size=SIZE,
            patch_size=2,
            in_channels=4,
            out_channels=4,
            num_layers=2,
            attention_head_dim=8,
            num_attention_heads=2,
            joint_attention_dim=2 * WIDTH,
            caption_projection_dim=16,
            pooled_projection_dim=2 * WIDTH,
            pos_embed_max_size=8,
        ),
        **_bare_vae(4),
        "scheduler": flow(shift=3.0),
    }


def _flux(guidance_embeds: bool = True) -> dict[str, Any]:
    schedule = {"shift": 3.0, "use_dynamic_shifting": True} if guidance_embeds else {}
    return {
        "tokenizer": clip_tokenizer(),
        "text_encoder": clip(),
        "tokenizer_2": letters(),
        "text_encoder_2": t5(),
        "transformer": FluxTransformer2DModel(
            in_channels=16,  # 2 x 2 latents of 4 channels
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=1,
            joint_attention_dim=WIDTH,
            pooled_projection_dim=WIDTH,
            guidance_embeds=guidance_embeds,
            axes_dims_rope=(4, 4, 8),
        ),
        **_bare_vae(4),
        "scheduler": flow(**schedule),
    }


def _load_sd3_ip_adapter(pipe: Any) -> None:
    """An adapter of two image tokens, which are told the time."""
    width = pipe.transformer.inner_dim
    image = IPAdapterTimeImageProjection(
        WIDTH, width, hidden_dim=8, heads=1, num_queries=2, timestep_in_dim=8
    )
    layers = nn.ModuleList(
        SD3IPAdapterJointAttnProcessor2_0(width, width, head_dim=8, timesteps_emb_dim=8)
        for _ in pipe.transformer.transformer_blocks
    )
    state = {"image_proj": image.state_dict(), "ip_adapter": layers.state_dict()}
    pipe.load_ip_adapter(state, weight_name="", image_encoder_folder=None)
    pipe.set_ip_adapter_scale(1.0)  # it begins at 0.5, the others at 1


def _load_flux_ip_adapter(pipe: Any) -> None:
    width = pipe.transformer.inner_dim
    layers = {
        f"{i}.to_{part}_ip.{name}": torch.randn(width, *([WIDTH] if name == "weight" else []))
        for i in range(len(pipe.transformer.transformer_blocks))
        for part in "kv"
        for name in ("weight", "bias")
    }
    state = {"image_proj": image_projection(WIDTH), "ip_adapter": layers}
    pipe.load_ip_adapter(state, "", image_encoder_pretrained_model_name_or_path=None)


def _flux_image_call(batch: int) -> dict[str, Any]:
    negative, positive = image_embeds(2).chunk(2)
    return {
        **_call(batch),
        "ip_adapter_image_embeds": [positive],
        "negative_ip_adapter_image_embeds": [negative],  # or diffusers encodes a black image
    }


# --- PixArt, Sana, DiT ---------------------------------------------------------------------


def _pixart(**changes: Any) -> dict[str, Any]:
    return {
        **t5_parts(),
        "transformer": PixArtTransformer2DModel(
            num_attention_heads=2,
            attention_head_dim=8,
            in_channels=4,
            out_channels=8,  # half of them a variance that is thrown away
            num_layers=1,
            cross_attention_dim=16,
            sample_size=SIZE,
            caption_channels=WIDTH,
            **changes,
        ),
        "vae": vae(),
        "scheduler": DPMSolverMultistepScheduler(beta_start=0.0001, beta_end=0.02),
    }


def _pixart_call(batch: int) -> dict[str, Any]:
    return {**_call(batch), "use_resolution_binning": False, "clean_caption": False}


def _sana() -> dict[str, Any]:
    return {
        "tokenizer": letters(),
        "text_encoder": gemma(),
        "transformer": SanaTransformer2DModel(
            in_channels=4,
            out_channels=4,
            num_attention_heads=2,
            attention_head_dim=8,
            num_layers=1,
            num_cross_attention_heads=2,
            cross_attention_head_dim=8,
            cross_attention_dim=16,
            caption_channels=WIDTH,
            sample_size=SIZE,
        ),
        "vae": AutoencoderDC(
            latent_channels=4,
            attention_head_dim=2,
            encoder_block_types=("ResBlock", "ResBlock"),
            decoder_block_types=("ResBlock", "ResBlock"),
            encoder_block_out_channels=(8, 8),
            decoder_block_out_channels=(8, 8),
            encoder_layers_per_block=(1, 1),
            decoder_layers_per_block=(1, 1),
            encoder_qkv_multiscales=((), ()),
            decoder_qkv_multiscales=((), ()),
        ),
        "scheduler": DPMSolverMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0
        ),
    }


def _dit() -> dict[str, Any]:
    return {
        "transformer": DiTTransformer2DModel(
            num_attention_heads=2,
            attention_head_dim=8,
            in_channels=4,
            out_channels=8,
            num_layers=1,
            sample_size=SIZE,
            patch_size=2,
            num_embeds_ada_norm=1000,
        ),
        "vae": vae(),
        "scheduler": ddim(
            beta_start=0.0001, beta_end=0.02, beta_schedule="linear", set_alpha_to_one=True
        ),
    }


def _dit_moe() -> dict[str, Any]:
    transformer = DiTMoETransformer2DModel(
        sample_size=SIZE,
        num_attention_heads=2,
        attention_head_dim=8,
        num_layers=2,
        num_experts=4,
        num_experts_per_tok=2,
    )
    return {**_dit(), "transformer": transformer}


FAMILIES = {
    "StableDiffusion3Pipeline": Tiny(StableDiffusion3Pipeline, _sd3, _call, "images"),
    "StableDiffusion3Pipeline-ip": Tiny(
        StableDiffusion3Pipeline,
        _sd3,
        lambda batch: {**_call(batch), "ip_adapter_image_embeds": image_embeds(2)},
        "images",
        finish=_load_sd3_ip_adapter,
    ),
    "FluxPipeline": Tiny(FluxPipeline, _flux, _call, "images", negative_prompt=None),
    "FluxPipeline-ip": Tiny(
        FluxPipeline,
        _flux,
        _flux_image_call,
        "images",
        negative_prompt=None,
        finish=_load_flux_ip_adapter,
    ),
    "FluxPipeline-cfg": Tiny(
        FluxPipeline, _flux, lambda batch: {**_call(batch), "true_cfg_scale": 4.0}, "images"
    ),
    "FluxPipeline-schnell": Tiny(
        FluxPipeline,
        lambda: _flux(guidance_embeds=False),
        lambda batch: {**_call(batch), "guidance_scale": 0.0},
        "images",
        negative_prompt=None,
    ),
    "PixArtAlphaPipeline": Tiny(PixArtAlphaPipeline, _pixart, _pixart_call, "images"),
    "PixArtSigmaPipeline": Tiny(
        PixArtSigmaPipeline,
        lambda: _pixart(use_additional_conditions=False),
        _pixart_call,
        "images",
    ),
    "SanaPipeline": Tiny(
        SanaPipeline,
        _sana,
        lambda batch: {
            **_call(batch),
            "height": 32,
            "width": 32,
            "use_resolution_binning": False,
            "complex_human_instruction": None,
        },
        "images",
    ),
    # It cannot but decode: the "latents" are pictures.
    "DiTPipeline": Tiny(
        DiTPipeline,
        _dit,
        lambda batch: {"guidance_scale": 4.0, "output_type": "pt"},
        "images",
        prompt="class_labels",
        prompts=(207, 360, 2, 33),
        negative_prompt=None,
    ),
    "DiTMoEPipeline": Tiny(
        DiTMoEPipeline,
        _dit_moe,
        lambda batch: {"guidance_scale": 4.0, "output_type": "pt"},
        "images",
        prompt="class_labels",
        prompts=(207, 360, 2, 33),
        negative_prompt=None,
    ),
}
