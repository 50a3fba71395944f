"""Prompts of the pipelines that stand on one CLIP text encoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..core.sides import UnsupportedSide


def encode(
    pipe: Any, call: Mapping[str, Any], prompt: Any, negative_prompt: Any, guided: bool
) -> dict[str, Tensor]:
    """Embeddings of a side's prompts; what it does not name is as in the call.

    Returns:
        ``encoder_hidden_states`` ``(clips, tokens, width)``, for guided batches
        ``(2 clips, ...)`` with the unconditional half first.
    """
    per_prompt = call.get("num_images_per_prompt") or call.get("num_videos_per_prompt") or 1
    embeds, negative_embeds = call.get("prompt_embeds"), call.get("negative_prompt_embeds")
    own = call.get("prompt")
    if own is None and embeds is not None:
        count = len(embeds)
    else:
        count = len(own) if isinstance(own, list) else 1
    positive, negative = pipe.encode_prompt(
        _each(prompt if prompt is not None else own, count),
        device=pipe._execution_device,
        num_images_per_prompt=per_prompt,
        do_classifier_free_guidance=guided,
        negative_prompt=_each(
            negative_prompt if negative_prompt is not None else call.get("negative_prompt"), count
        ),
        prompt_embeds=embeds if prompt is None else None,
        negative_prompt_embeds=negative_embeds if negative_prompt is None else None,
        lora_scale=(call.get("cross_attention_kwargs") or {}).get("scale"),
        clip_skip=call.get("clip_skip"),
    )
    stacked = torch.cat([negative, positive]) if guided else positive
    return {"encoder_hidden_states": stacked}


def _each(prompt: Any, count: int) -> Any:
    """One prompt for every prompt of the call, as a list."""
    if isinstance(prompt, list) and len(prompt) != count:
        raise UnsupportedSide(
            f"a side has {len(prompt)} prompts where the call has {count}; "
            f"give one string, or one prompt for each"
        )
    return [prompt] * count if isinstance(prompt, str) else prompt
