"""UNet families: Stable Diffusion and AnimateDiff, with ControlNets and IP-Adapters."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from diffusers import (
    AnimateDiffControlNetPipeline,
    AnimateDiffPipeline,
    AnimateDiffSDXLPipeline,
    AnimateDiffSparseControlNetPipeline,
    AnimateDiffVideoToVideoControlNetPipeline,
    AnimateDiffVideoToVideoPipeline,
    ControlNetModel,
    EulerDiscreteScheduler,
    MotionAdapter,
    SparseControlNetModel,
    StableDiffusionControlNetPipeline,
    StableDiffusionPipeline,
    StableDiffusionXLControlNetPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextModelWithProjection

from .family import Tiny
from .parts import (
    WIDTH,
    clip,
    clip_tokenizer,
    ddim,
    image_embeds,
    image_projection,
    picture,
    pictures,
    vae,
)

CHANNELS = (8, 16)
SIZE = 8
FRAMES = 2

SHAPE = {
    "in_channels": 4,
    "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
    "block_out_channels": CHANNELS,
    "layers_per_block": 1,
    "attention_head_dim": 2,
    "norm_num_groups": 4,
}
XL = {
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 8,
    "projection_class_embeddings_input_dim": 6 * 8 + WIDTH,
}


def unet(seed: int = 0, width: int = WIDTH, **more: object) -> UNet2DConditionModel:
    torch.manual_seed(seed)
    return UNet2DConditionModel(
        sample_size=SIZE,
        out_channels=4,
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=width,
        **SHAPE,
        **more,
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


def controlnet(width: int = WIDTH, **more: object) -> ControlNetModel:
    return ControlNetModel(
        cross_attention_dim=width, conditioning_embedding_out_channels=(8,), **SHAPE, **more
    )


def sparse_controlnet() -> SparseControlNetModel:
    return SparseControlNetModel(
        **{**SHAPE, "down_block_types": ("CrossAttnDownBlockMotion", "DownBlockMotion")},
        conditioning_channels=3,
        cross_attention_dim=WIDTH,
        conditioning_embedding_out_channels=(8,),
        motion_num_attention_heads=2,
        use_simplified_condition_embedding=False,
    )


# --- components ----------------------------------------------------------------------------


def _text() -> dict[str, Any]:
    tokenizer = clip_tokenizer()
    torch.manual_seed(0)
    return {"text_encoder": clip().eval(), "tokenizer": tokenizer, "vae": vae().eval()}


def _image() -> dict[str, Any]:
    return {
        **_text(),
        "unet": unet(),
        "scheduler": ddim(),
        "safety_checker": None,
        "requires_safety_checker": False,
        "feature_extractor": None,
    }


def _video() -> dict[str, Any]:
    return {**_text(), "unet": unet(), "motion_adapter": motion_adapter(), "scheduler": ddim()}


def _xl(scheduler: object) -> dict[str, Any]:
    return {
        **_text(),
        "text_encoder_2": clip(CLIPTextModelWithProjection),
        "tokenizer_2": clip_tokenizer(),
        "unet": unet(width=2 * WIDTH, **XL),
        "scheduler": scheduler,
    }


def _xl_image() -> dict[str, Any]:
    euler = EulerDiscreteScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        timestep_spacing="leading",
        steps_offset=1,
    )
    return {**_xl(euler), "add_watermarker": False}


def _xl_video() -> dict[str, Any]:
    return {**_xl(ddim(beta_schedule="linear")), "motion_adapter": motion_adapter()}


def _with_controlnet(parts: dict[str, Any]) -> dict[str, Any]:
    return {**parts, "controlnet": controlnet()}


def _load_ip_adapter(pipe: Any) -> None:
    """An adapter of four image tokens, with a key and a value for each cross attention."""
    cross = [
        pipe.unet.get_submodule(name.removesuffix(".processor"))
        for name in pipe.unet.attn_processors
        if name.endswith("attn2.processor") and "motion_modules" not in name
    ]
    layers = {
        f"{2 * i + 1}.to_{part}_ip.weight": torch.randn_like(attention.to_k.weight)
        for i, attention in enumerate(cross)
        for part in "kv"
    }
    state = {"image_proj": image_projection(cross[0].to_k.in_features), "ip_adapter": layers}
    pipe.load_ip_adapter(state, subfolder="", weight_name="", image_encoder_folder=None)


# --- calls ---------------------------------------------------------------------------------


def _size(batch: int) -> dict[str, Any]:
    return {"height": SIZE, "width": SIZE, "guidance_scale": 5.0}


def _clip(batch: int) -> dict[str, Any]:
    return {**_size(batch), "num_frames": FRAMES}


def _controlled_image(batch: int) -> dict[str, Any]:
    return {**_size(batch), "image": [picture(SIZE)] * batch}


def _controlled_clip(batch: int) -> dict[str, Any]:
    return {**_clip(batch), "conditioning_frames": pictures(FRAMES, SIZE)}


def _from_video(batch: int) -> dict[str, Any]:
    video = pictures(FRAMES, SIZE)
    return {**_size(batch), "video": video if batch == 1 else [video] * batch}


def _with_ip_adapter(family: Tiny) -> Tiny:
    def arguments(batch: int) -> dict[str, Any]:
        return {**family.arguments(batch), "ip_adapter_image_embeds": [image_embeds(2)]}

    return replace(family, arguments=arguments, finish=_load_ip_adapter)


PLAIN = {
    "AnimateDiffPipeline": Tiny(AnimateDiffPipeline, _video, _clip),
    "AnimateDiffSDXLPipeline": Tiny(AnimateDiffSDXLPipeline, _xl_video, _clip),
    "AnimateDiffControlNetPipeline": Tiny(
        AnimateDiffControlNetPipeline,
        lambda: _with_controlnet(_video()),
        _controlled_clip,
        batches=False,
    ),
    "AnimateDiffSparseControlNetPipeline": Tiny(
        AnimateDiffSparseControlNetPipeline,
        lambda: {**_video(), "controlnet": sparse_controlnet()},
        lambda batch: {**_clip(batch), "conditioning_frames": pictures(1, SIZE)},
    ),
    "AnimateDiffVideoToVideoPipeline": Tiny(AnimateDiffVideoToVideoPipeline, _video, _from_video),
    "AnimateDiffVideoToVideoControlNetPipeline": Tiny(
        AnimateDiffVideoToVideoControlNetPipeline,
        lambda: _with_controlnet(_video()),
        lambda batch: {**_from_video(batch), "conditioning_frames": pictures(FRAMES, SIZE)},
        batches=False,
    ),
    "StableDiffusionPipeline": Tiny(StableDiffusionPipeline, _image, _size, "images"),
    "StableDiffusionControlNetPipeline": Tiny(
        StableDiffusionControlNetPipeline,
        lambda: _with_controlnet(_image()),
        _controlled_image,
        "images",
    ),
    "StableDiffusionXLPipeline": Tiny(StableDiffusionXLPipeline, _xl_image, _size, "images"),
    "StableDiffusionXLControlNetPipeline": Tiny(
        StableDiffusionXLControlNetPipeline,
        lambda: {**_xl_image(), "controlnet": controlnet(width=2 * WIDTH, **XL)},
        _controlled_image,
        "images",
    ),
}
FAMILIES = {
    key: family
    for name, plain in PLAIN.items()
    for key, family in ((name, plain), (f"{name}-ip", _with_ip_adapter(plain)))
}
