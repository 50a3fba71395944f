"""Classifier-free guidance and a denoiser's arguments: what has one row for each half."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

# Diffusers' denoisers agree on these names. Arguments made of the prompt:
PROMPT = frozenset(
    {
        "encoder_hidden_states",
        "encoder_hidden_states_2",
        "encoder_attention_mask",
        "encoder_attention_mask_2",
        "audio_encoder_hidden_states",
        "audio_encoder_attention_mask",
        "pooled_projections",
        "added_cond_kwargs",
        "txt_ids",
    }
)
# Residuals that a ControlNet adds, in rows like the sample's:
RESIDUALS = frozenset({"down_block_additional_residuals", "mid_block_additional_residual"})
# What has a row, or several, for every clip and half. Anything else (rotary embeddings, ids,
# sizes) is the same for all.
BATCHED = (
    (PROMPT - {"txt_ids"})
    | RESIDUALS
    | {
        "sample",
        "hidden_states",
        "audio_hidden_states",
        "timestep",
        "audio_timestep",
        "sigma",
        "audio_sigma",
        "attention_mask",
        "joint_attention_kwargs",
        "class_labels",
        "controlnet_cond",
        "conditioning_mask",
        "video_coords",
        "audio_coords",
    }
)


def one_half(arguments: Mapping[str, Any], half: int, rows: int) -> dict[str, Any]:
    """Cut a denoiser's arguments to one half of a guided batch of ``rows``."""
    return {k: _cut(v, half, rows) if k in BATCHED else v for k, v in arguments.items()}


def _cut(value: Any, half: int, rows: int) -> Any:
    if isinstance(value, Tensor):  # rows, or a multiple of them: one a frame, say
        batched = value.ndim > 0 and value.shape[0] >= rows and value.shape[0] % rows == 0
        return value.chunk(2)[half] if batched else value
    if isinstance(value, (list, tuple)):
        return type(value)([_cut(v, half, rows) for v in value])
    if isinstance(value, dict):
        return {k: _cut(v, half, rows) for k, v in value.items()}
    return value


def unevaluated(arguments: Mapping[str, Any], config: Mapping[str, Any]) -> tuple[Tensor]:
    """In place of an output of the denoiser that nobody evaluates: zeros of its shape."""
    sample: Tensor = next(iter(arguments.values()))
    shape = list(sample.shape)
    if len(shape) > 3:  # packed latents go in and out alike
        shape[1] = config.get("out_channels") or shape[1]
    return (sample.new_zeros(shape),)


def split(out: Tensor, conditional: int) -> tuple[Tensor, Tensor]:
    """The conditional and the unconditional half of a batch."""
    both = out.chunk(2)
    return both[conditional], both[1 - conditional]


def guided(c: Tensor, u: Tensor, scale: float) -> Tensor:
    """Classifier-free guidance."""
    return u + scale * (c - u)


def difference(c: Tensor, u: Tensor, scales: tuple[float, float]) -> Tensor:
    """Strong minus weak output, in float32, of two sides that differ in guidance only."""
    return (scales[0] - scales[1]) * (c.float() - u.float())
