"""HunyuanVideo and HunyuanVideo 1.5."""

from __future__ import annotations

from typing import Any

from diffusers import (
    AutoencoderKLHunyuanVideo,
    AutoencoderKLHunyuanVideo15,
    ClassifierFreeGuidance,
    HunyuanSkyreelsImageToVideoPipeline,
    HunyuanVideo15ImageToVideoPipeline,
    HunyuanVideo15Pipeline,
    HunyuanVideo15Transformer3DModel,
    HunyuanVideoImageToVideoPipeline,
    HunyuanVideoPipeline,
    HunyuanVideoTransformer3DModel,
)
from transformers import (
    CLIPImageProcessor,
    CLIPVisionConfig,
    LlamaConfig,
    LlamaModel,
    LlavaConfig,
    LlavaForConditionalGeneration,
    Qwen2_5_VLTextConfig,
    Qwen2_5_VLTextModel,
    SiglipImageProcessor,
    SiglipVisionConfig,
    SiglipVisionModel,
)

from .family import Tiny
from .parts import (
    LENGTH,
    LETTERS,
    VISION,
    VISION_SIZE,
    WIDTH,
    clip,
    clip_tokenizer,
    decoder_config,
    flow,
    letters,
    picture,
    t5,
)


def _hunyuan(channels: int = 4, image: str | None = None) -> dict[str, Any]:
    """Latents of 4 channels; ``image`` is how a first frame comes in."""
    return {
        "tokenizer": letters(),
        "text_encoder": LlamaModel(LlamaConfig(**decoder_config())),
        "tokenizer_2": clip_tokenizer(),
        "text_encoder_2": clip(length=77),
        "transformer": HunyuanVideoTransformer3DModel(
            in_channels=channels,
            out_channels=4,
            num_attention_heads=2,
            attention_head_dim=10,
            num_layers=1,
            num_single_layers=1,
            num_refiner_layers=1,
            patch_size=1,
            guidance_embeds=image != "latent_concat",
            text_embed_dim=WIDTH,
            pooled_projection_dim=WIDTH,
            rope_axes_dim=(2, 4, 4),
            image_condition_type=image,
        ),
        "vae": AutoencoderKLHunyuanVideo(
            latent_channels=4,
            down_block_types=("HunyuanVideoDownBlock3D",) * 4,
            up_block_types=("HunyuanVideoUpBlock3D",) * 4,
            block_out_channels=(8, 8, 8, 8),
            layers_per_block=1,
            norm_num_groups=4,
        ),
        "scheduler": flow(shift=7.0),
    }


def _hunyuan_image(kind: str) -> dict[str, Any]:
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(**VISION),
        text_config=LlamaConfig(**decoder_config(vocab_size=len(LETTERS) + 1)),
        image_token_index=len(LETTERS),
        pad_token_id=0,
    )
    return {
        **_hunyuan(4 + 4 + 1 if kind == "latent_concat" else 4, kind),
        "text_encoder": LlavaForConditionalGeneration(config),
        "image_processor": CLIPImageProcessor(size=VISION_SIZE, crop_size=VISION_SIZE),
    }


def _hunyuan_call(batch: int) -> dict[str, Any]:
    return {
        "height": 16,
        "width": 16,
        "num_frames": 5,
        "guidance_scale": 6.0,
        "prompt_template": {"template": "{}", "crop_start": 0},
        "max_sequence_length": LENGTH,
    }


def _hunyuan_image_call(batch: int) -> dict[str, Any]:
    template = {  # the blanks make room for the image's tokens
        "template": "    {}",
        "crop_start": 0,
        "image_emb_len": 4,
        "image_emb_start": 0,
        "image_emb_end": 4,
    }
    return {**_hunyuan_call(batch), "image": [picture(16)] * batch, "prompt_template": template}


def _hunyuan_15() -> dict[str, Any]:
    tokenizer = letters()
    tokenizer.chat_template = "{% for m in messages %}{{ m['content'] }}{% endfor %}"
    config = decoder_config(rope_parameters={"rope_type": "default", "mrope_section": [1, 1, 2]})
    del config["head_dim"]
    return {
        "tokenizer": tokenizer,
        "text_encoder": Qwen2_5_VLTextModel(Qwen2_5_VLTextConfig(**config)),
        "tokenizer_2": letters(),
        "text_encoder_2": t5(),
        "transformer": HunyuanVideo15Transformer3DModel(
            in_channels=4 + 4 + 1,
            out_channels=4,
            num_attention_heads=2,
            attention_head_dim=8,
            num_layers=1,
            num_refiner_layers=1,
            mlp_ratio=2.0,
            text_embed_dim=WIDTH,
            text_embed_2_dim=WIDTH,
            image_embed_dim=8,
            rope_axes_dim=(2, 2, 4),
            target_size=16,
        ),
        "vae": AutoencoderKLHunyuanVideo15(
            latent_channels=4,
            block_out_channels=(8, 8),
            layers_per_block=1,
            spatial_compression_ratio=4,
            temporal_compression_ratio=2,
            downsample_match_channel=False,
            upsample_match_channel=False,
        ),
        "scheduler": flow(shift=5.0),
        "guider": ClassifierFreeGuidance(guidance_scale=6.0),
    }


def _hunyuan_15_image() -> dict[str, Any]:
    return {
        **_hunyuan_15(),
        "image_encoder": SiglipVisionModel(SiglipVisionConfig(**VISION)),
        "feature_extractor": SiglipImageProcessor(size=VISION_SIZE),
    }


def _short(pipe: Any) -> None:
    """The text around a prompt is of fixed lengths here, and no argument of a call."""
    pipe.system_message = ""
    pipe.prompt_template_encode_start_idx = 0
    pipe.tokenizer_max_length = pipe.tokenizer_2_max_length = LENGTH
    pipe.vision_num_semantic_tokens = 4


FAMILIES = {
    "HunyuanVideoPipeline": Tiny(
        HunyuanVideoPipeline, _hunyuan, _hunyuan_call, negative_prompt=None
    ),
    "HunyuanVideoPipeline-cfg": Tiny(
        HunyuanVideoPipeline,
        _hunyuan,
        lambda batch: {**_hunyuan_call(batch), "true_cfg_scale": 4.0},
    ),
    "HunyuanVideoImageToVideoPipeline": Tiny(
        HunyuanVideoImageToVideoPipeline,
        lambda: _hunyuan_image("latent_concat"),
        lambda batch: {**_hunyuan_image_call(batch), "true_cfg_scale": 4.0},
        batches=False,
    ),
    "HunyuanVideoImageToVideoPipeline-replace": Tiny(
        HunyuanVideoImageToVideoPipeline,
        lambda: _hunyuan_image("token_replace"),
        _hunyuan_image_call,
        negative_prompt=None,
    ),
    "HunyuanSkyreelsImageToVideoPipeline": Tiny(
        HunyuanSkyreelsImageToVideoPipeline,
        lambda: _hunyuan(4 + 4),
        lambda batch: {
            **_hunyuan_call(batch),
            "image": [picture(16)] * batch,
            "true_cfg_scale": 6.0,
        },
    ),
    "HunyuanVideo15Pipeline": Tiny(
        HunyuanVideo15Pipeline,
        _hunyuan_15,
        lambda batch: {"height": 16, "width": 16, "num_frames": 3},
        finish=_short,
    ),
    "HunyuanVideo15ImageToVideoPipeline": Tiny(
        HunyuanVideo15ImageToVideoPipeline,
        _hunyuan_15_image,
        lambda batch: {"image": picture(16), "num_frames": 3},
        finish=_short,
    ),
}
