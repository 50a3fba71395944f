"""Video pipelines at their real size with made-up weights, on which speed does not depend.

Prompts come as embeddings: text encoders would cost minutes to make and are run once a clip.
On a machine without an accelerator each is small.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import (
    AnimateDiffPipeline,
    AnimateDiffSDXLPipeline,
    AutoencoderKL,
    AutoencoderKLCogVideoX,
    AutoencoderKLWan,
    CogVideoXDDIMScheduler,
    CogVideoXPipeline,
    CogVideoXTransformer3DModel,
    DDIMScheduler,
    FlowMatchEulerDiscreteScheduler,
    UNetMotionModel,
    WanPipeline,
    WanTransformer3DModel,
)
from torch import nn
from w2sd_video.pipelines import as_reflecting

from w2sd_video.memory.tensors import tensors


@dataclass(frozen=True)
class Architecture:
    """A pipeline and the arguments of its call.

    Attributes:
        denoiser: the component that is the strong model; a like one is the weak.
        embeds: arguments of embeddings and their shapes, of the prompt and the negative one.
    """

    make: Callable[[], dict[str, nn.Module]]
    pipeline: Callable[[dict[str, nn.Module]], Any]
    denoiser: str
    call: dict[str, Any]
    embeds: dict[str, tuple[int, ...]]


def architectures(small: bool) -> dict[str, Architecture]:
    """By name: the four of the table, or small ones of the same kind."""

    def of(real: Any, little: Any) -> Any:
        return little if small else real

    sd = {"height": of(512, 64), "width": of(512, 64), "num_frames": of(16, 4)}
    xl = {"height": of(1024, 64), "width": of(1024, 64), "num_frames": of(16, 4)}
    return {
        of("AnimateDiff SD1.5, 16 x 512 x 512", "AnimateDiff, 4 x 64 x 64"): Architecture(
            lambda: {"unet": _unet(of(320, 32)), "vae": _vae(of(128, 32))},
            lambda parts: AnimateDiffPipeline(
                text_encoder=None, tokenizer=None, motion_adapter=None, scheduler=_ddim(), **parts
            ),
            "unet",
            sd,
            {"prompt_embeds": (77, 768)},
        ),
        of("AnimateDiff SDXL, 16 x 1024 x 1024", "AnimateDiff SDXL, 4 x 64 x 64"): Architecture(
            lambda: {"unet": _unet_xl(of(320, 32)), "vae": _vae(of(128, 32))},
            lambda parts: AnimateDiffSDXLPipeline(
                text_encoder=None,
                tokenizer=None,
                text_encoder_2=None,
                tokenizer_2=None,
                motion_adapter=None,
                scheduler=_ddim(),
                **parts,
            ),
            "unet",
            xl,
            {"prompt_embeds": (77, 2048), "pooled_prompt_embeds": (1280,)},
        ),
        of("CogVideoX-5B, 49 x 480 x 720", "CogVideoX, 9 x 32 x 48"): Architecture(
            lambda: {
                "transformer": CogVideoXTransformer3DModel(
                    num_attention_heads=of(48, 2),
                    num_layers=of(42, 2),
                    use_rotary_positional_embeddings=True,
                    **of({}, {"sample_width": 6, "sample_height": 4, "sample_frames": 9}),
                ),
                "vae": AutoencoderKLCogVideoX(**of({}, _small_cog_vae())),
            },
            lambda parts: CogVideoXPipeline(
                tokenizer=None,
                text_encoder=None,
                scheduler=CogVideoXDDIMScheduler(prediction_type="v_prediction", clip_sample=False),
                **parts,
            ),
            "transformer",
            {"height": of(480, 32), "width": of(720, 48), "num_frames": of(49, 9)},
            {"prompt_embeds": (226, 4096)},
        ),
        of("Wan 14B, 81 x 480 x 832", "Wan, 5 x 32 x 48"): Architecture(
            lambda: {
                "transformer": WanTransformer3DModel(
                    **of({}, {"num_attention_heads": 2, "ffn_dim": 512, "num_layers": 2})
                ),
                "vae": AutoencoderKLWan(**of({}, {"base_dim": 16})),
            },
            lambda parts: WanPipeline(
                tokenizer=None,
                text_encoder=None,
                scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
                **parts,
            ),
            "transformer",
            {"height": of(480, 32), "width": of(832, 48), "num_frames": of(81, 5)},
            {"prompt_embeds": (512, 4096)},
        ),
    }


def build(architecture: Architecture, dtype: torch.dtype) -> tuple[Any, nn.Module]:
    """The pipeline in host memory, and a weak denoiser whose attention differs."""
    pipe = as_reflecting(architecture.pipeline(_made_up(architecture.make, dtype)))
    pipe.set_progress_bar_config(disable=True)
    weak = _made_up(architecture.make, dtype)[architecture.denoiser]
    strong = getattr(pipe, architecture.denoiser)
    for name, tensor in tensors(weak).items():
        if "attn" not in name:  # else it is as the strong one's, to be shared
            tensor.data = tensors(strong)[name].data
    return pipe, weak


def embeddings(architecture: Architecture, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """Of a prompt and a negative one, random."""
    generator = torch.Generator().manual_seed(0)
    return {
        prefix + name: torch.randn(1, *shape, generator=generator).to(dtype)
        for name, shape in architecture.embeds.items()
        for prefix in ("", "negative_")
    }


def _made_up(make: Callable[[], dict[str, nn.Module]], dtype: torch.dtype) -> dict[str, nn.Module]:
    with torch.device("meta"):
        parts = make()
    for module in parts.values():
        module.to(dtype).to_empty(device="cpu").eval()
        for tensor in tensors(module).values():
            if tensor.is_floating_point():
                tensor.data.fill_(0.01)  # random numbers would take minutes to draw
    return parts


def _unet(channels: int) -> UNetMotionModel:
    return UNetMotionModel(
        block_out_channels=(channels, 2 * channels, 4 * channels, 4 * channels),
        cross_attention_dim=768,
        motion_max_seq_length=32,
        motion_num_attention_heads=8,
    )


def _unet_xl(channels: int) -> UNetMotionModel:
    return UNetMotionModel(
        down_block_types=(
            "DownBlockMotion",
            "CrossAttnDownBlockMotion",
            "CrossAttnDownBlockMotion",
        ),
        up_block_types=("CrossAttnUpBlockMotion", "CrossAttnUpBlockMotion", "UpBlockMotion"),
        block_out_channels=(channels, 2 * channels, 4 * channels),
        transformer_layers_per_block=(1, 2, 10) if channels > 32 else 1,
        num_attention_heads=(5, 10, 20) if channels > 32 else 2,
        cross_attention_dim=2048,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=256,
        projection_class_embeddings_input_dim=6 * 256 + 1280,
        motion_max_seq_length=32,
        motion_num_attention_heads=8,
        use_motion_mid_block=False,
    )


def _vae(channels: int) -> AutoencoderKL:
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(channels, 2 * channels, 4 * channels, 4 * channels),
        layers_per_block=2,
    )


def _small_cog_vae() -> dict[str, Any]:
    return {"block_out_channels": (16, 16, 16, 16), "layers_per_block": 1, "norm_num_groups": 4}


def _ddim() -> DDIMScheduler:
    return DDIMScheduler(clip_sample=False, beta_schedule="linear", steps_offset=1)
