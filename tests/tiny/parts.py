"""What many families share: tokenizers, text encoders, VAEs, schedulers, pictures."""

from __future__ import annotations

import numpy as np
import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderKLWan,
    DDIMScheduler,
    FlowMatchEulerDiscreteScheduler,
)
from diffusers.models.embeddings import ImageProjection
from PIL import Image
from tokenizers import Regex, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Split
from tokenizers.processors import TemplateProcessing
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    Gemma2Config,
    Gemma2Model,
    PreTrainedTokenizerFast,
    T5Config,
    T5EncoderModel,
)

from w2sd_video.shapes.models import make_tokenizer as clip_tokenizer

WIDTH = 16  # of a text encoder
LENGTH = 48  # letters of a prompt
LETTERS = ["<pad>", "</s>", "<unk>", *map(chr, range(ord(" "), ord("~") + 1))]


# --- text ----------------------------------------------------------------------------------


def clip(cls: type[CLIPTextModel] = CLIPTextModel, length: int = 32) -> CLIPTextModel:
    tokenizer = clip_tokenizer()
    return cls(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=WIDTH,
            intermediate_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            max_position_embeddings=length,
            projection_dim=WIDTH,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def letters() -> PreTrainedTokenizerFast:
    """A tokenizer that takes every letter for a token."""
    tokens = {token: i for i, token in enumerate(LETTERS)}
    backend = Tokenizer(WordLevel(tokens, unk_token="<unk>"))
    backend.pre_tokenizer = Split(Regex(r"[\s\S]"), "isolated")
    backend.post_processor = TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        model_max_length=LENGTH,
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
    )


def t5(
    cls: type[T5EncoderModel] = T5EncoderModel,
    config: type[T5Config] = T5Config,
    width: int = WIDTH,
) -> T5EncoderModel:
    return cls(
        config(
            vocab_size=len(LETTERS),
            d_model=width,
            d_kv=8,
            d_ff=32,
            num_layers=1,
            num_heads=2,
            relative_attention_num_buckets=8,
        )
    )


def t5_parts() -> dict[str, object]:
    return {"tokenizer": letters(), "text_encoder": t5()}


def decoder_config(**more: object) -> dict[str, object]:
    """Of a language model; those that read hidden states skip the last two layers."""
    return {
        "vocab_size": len(LETTERS),
        "hidden_size": WIDTH,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 8,
        "max_position_embeddings": 256,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 1,
        **more,
    }


def gemma() -> Gemma2Model:
    return Gemma2Model(Gemma2Config(**decoder_config()))


# --- pictures and VAEs ---------------------------------------------------------------------

VISION = {
    "hidden_size": 8,
    "intermediate_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": 8,
    "patch_size": 4,
}
VISION_SIZE = {"height": 8, "width": 8}


def picture(size: int, seed: int = 0) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def pictures(count: int, size: int) -> list[Image.Image]:
    return [picture(size, seed) for seed in range(count)]


def vae(**changes: object) -> AutoencoderKL:
    """Latents are as large as pictures."""
    config = {
        "block_out_channels": (8,),
        "down_block_types": ("DownEncoderBlock2D",),
        "up_block_types": ("UpDecoderBlock2D",),
        "latent_channels": 4,
        "norm_num_groups": 4,
    }
    return AutoencoderKL(**{**config, **changes})


def wan_vae(channels: int = 4, **changes: object) -> AutoencoderKLWan:
    """8 x 8 pixels a latent, and 4 frames but for the first."""
    return AutoencoderKLWan(
        base_dim=4,
        z_dim=channels,
        dim_mult=[1, 1, 1, 1],
        num_res_blocks=1,
        latents_mean=[0.1] * channels,
        latents_std=[1.5] * channels,
        **changes,
    )


# --- IP-Adapters ---------------------------------------------------------------------------


def image_embeds(count: int) -> torch.Tensor:
    """What an image encoder makes of as many images, one a row."""
    return torch.randn(count, 1, WIDTH, generator=torch.Generator().manual_seed(0))


def image_projection(width: int) -> dict[str, torch.Tensor]:
    """Weights, by their names in a file, that make four tokens of an image."""
    weights = ImageProjection(WIDTH, width, num_image_text_embeds=4).state_dict()
    return {name.replace("image_embeds", "proj"): weight for name, weight in weights.items()}


# --- schedulers ----------------------------------------------------------------------------


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


def flow(**config: object) -> FlowMatchEulerDiscreteScheduler:
    return FlowMatchEulerDiscreteScheduler(**config)
