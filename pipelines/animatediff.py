"""AnimateDiff: a motion adapter on Stable Diffusion 1, 2 or XL."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple
from weakref import ReferenceType, WeakKeyDictionary, ref

import torch
from diffusers import (
    AnimateDiffControlNetPipeline,
    AnimateDiffPipeline,
    AnimateDiffSDXLPipeline,
    AnimateDiffSparseControlNetPipeline,
    AnimateDiffVideoToVideoControlNetPipeline,
    AnimateDiffVideoToVideoPipeline,
    MotionAdapter,
    UNet2DConditionModel,
    UNetMotionModel,
)
from peft.tuners.lora import LoraLayer
from torch import nn

from ..core.family import UnsupportedSide
from ..core.pipeline import ReflectionMixin
from ..memory.sharing import share
from ..memory.tensors import place, tensors
from . import stable_diffusion

# Image UNets that were given motion modules: what was made of them, and of what it was made.
_with_motion: WeakKeyDictionary[nn.Module, tuple[_Parts, nn.Module]]
_with_motion = WeakKeyDictionary()


class _Parts(NamedTuple):
    """What a conversion is made of: as long as it is the same, so is the result.

    Attributes:
        weights: where those of the image UNet lie.
    """

    own: ReferenceType[nn.Module]
    dtype: torch.dtype
    device: torch.device
    weights: list[Hashable]


def with_motion_of(pipe: Any, module: nn.Module) -> nn.Module:
    """Give an image UNet the pipeline's own motion modules: the very same, not copies.

    Raises:
        UnsupportedSide: if its blocks are others than the pipeline's, or it has a LoRA.
    """
    if not isinstance(module, UNet2DConditionModel):
        return module
    own: UNetMotionModel = pipe.unet
    if any(isinstance(layer, LoraLayer) for layer in module.modules()):
        raise UnsupportedSide(
            "the side's UNet is an image model's with a LoRA, which does not survive its getting "
            "the pipeline's motion modules; load the model with load_denoiser(pipe, ...), and the "
            "LoRA into what that returns"
        )
    weights = [place(tensor) for tensor in tensors(module).values()]
    parts = _Parts(ref(own), own.dtype, torch.device(pipe._execution_device), weights)
    made_of, made = _with_motion.get(module, (None, None))
    if made is not None and made_of == parts:
        return made
    kinds = {"DownBlock2D": "DownBlockMotion", "CrossAttnDownBlock2D": "CrossAttnDownBlockMotion"}
    if [kinds.get(k) for k in module.config.down_block_types] != list(own.config.down_block_types):
        raise UnsupportedSide(
            f"the side's UNet has blocks {list(module.config.down_block_types)}, which "
            f"do not match the pipeline's {list(own.config.down_block_types)}"
        )
    video = UNetMotionModel.from_unet2d(module, motion_adapter_of(own))
    video = video.to(dtype=own.dtype, device=pipe._execution_device).eval()
    share(own, video)
    share(module, video)
    _with_motion[module] = parts, video
    return video


def motion_adapter_of(unet: UNetMotionModel) -> MotionAdapter:
    """The motion modules of a video UNet as the adapter that they came from."""
    config = unet.config
    adapter = MotionAdapter(
        block_out_channels=config.block_out_channels,
        motion_layers_per_block=config.layers_per_block,
        motion_transformer_layers_per_block=config.temporal_transformer_layers_per_block,
        motion_mid_block_layers_per_block=1,
        motion_transformer_layers_per_mid_block=config.temporal_transformer_layers_per_mid_block
        or 1,
        motion_num_attention_heads=config.motion_num_attention_heads,
        motion_norm_num_groups=config.norm_num_groups,
        motion_max_seq_length=config.motion_max_seq_length,
        use_motion_mid_block=config.use_motion_mid_block,
    )
    motion = {k: v for k, v in unet.state_dict().items() if "motion_modules" in k}
    # Without the LoRAs that may lie on them.
    motion = {k.replace(".base_layer.", "."): v for k, v in motion.items() if ".lora_" not in k}
    adapter.load_state_dict(motion)
    return adapter


FAMILY = replace(stable_diffusion.FAMILY, fit=with_motion_of)
WITH_CONTROLNET = replace(stable_diffusion.WITH_CONTROLNET, fit=with_motion_of)


class AnimateDiffW2SDPipeline(ReflectionMixin, AnimateDiffPipeline):
    """``AnimateDiffPipeline`` with ``reflection=``; everything else is diffusers' own.

    Example::

        pipe = AnimateDiffW2SDPipeline.from_pretrained(model, motion_adapter=adapter)
        weak = load_denoiser(pipe, "stable-diffusion-v1-5/stable-diffusion-v1-5")
        pipe("a red fox in the snow", reflection=Reflection(weak=Side(denoiser=weak)))
    """

    family = FAMILY


class AnimateDiffSDXLW2SDPipeline(ReflectionMixin, AnimateDiffSDXLPipeline):
    """``AnimateDiffSDXLPipeline`` with ``reflection=``."""

    family = FAMILY


class AnimateDiffControlNetW2SDPipeline(ReflectionMixin, AnimateDiffControlNetPipeline):
    """``AnimateDiffControlNetPipeline`` with ``reflection=``."""

    family = WITH_CONTROLNET


class AnimateDiffSparseControlNetW2SDPipeline(ReflectionMixin, AnimateDiffSparseControlNetPipeline):
    """``AnimateDiffSparseControlNetPipeline`` with ``reflection=``."""

    family = WITH_CONTROLNET


class AnimateDiffVideoToVideoW2SDPipeline(ReflectionMixin, AnimateDiffVideoToVideoPipeline):
    """``AnimateDiffVideoToVideoPipeline`` with ``reflection=``."""

    family = FAMILY


class AnimateDiffVideoToVideoControlNetW2SDPipeline(
    ReflectionMixin, AnimateDiffVideoToVideoControlNetPipeline
):
    """``AnimateDiffVideoToVideoControlNetPipeline`` with ``reflection=``."""

    family = WITH_CONTROLNET


def load_unet(pipe: Any, model: str | Path, **kwargs: Any) -> UNetMotionModel:
    """Load another UNet; an image UNet gets the pipeline's motion modules.

    Args:
        model, kwargs: as for ``from_pretrained``.

    Raises:
        OSError: if there are no such weights.
        UnsupportedSide: if an image UNet's blocks are others than the pipeline's.
    """
    kind = UNet2DConditionModel.load_config(model, **_location(kwargs))["_class_name"]
    cls = UNetMotionModel if kind == "UNetMotionModel" else UNet2DConditionModel
    return with_motion_of(pipe, cls.from_pretrained(model, **kwargs).to(pipe._execution_device))


def _location(kwargs: dict[str, Any]) -> dict[str, Any]:
    names = ("subfolder", "revision", "cache_dir", "local_files_only", "token", "force_download")
    return {name: kwargs[name] for name in names if name in kwargs}
