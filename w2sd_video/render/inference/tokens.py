"""Whether a prompt is longer than what the model's text encoders read of it."""

from __future__ import annotations

from typing import Any

from w2sd_video.render.inference.calls import parameters
from w2sd_video.render.settings.config import Config

ENDLESS = 100_000  # a tokenizer's limit above this is no limit
CLIP = 77  # tokens that CLIP reads, whatever max_sequence_length says


def warning(pipe: Any, config: Config) -> list[str]:
    """One line saying what is lost, if even the encoder that reads most cuts the prompt."""
    readers = [
        (_limit(pipe, tokenizer, config), tokenizer)
        for name in ("tokenizer", "tokenizer_2", "tokenizer_3")
        if (tokenizer := getattr(pipe, name, None)) is not None
    ]
    if not readers:
        return []
    limit, tokenizer = max(readers, key=lambda reader: reader[0])
    if limit > ENDLESS:
        return []
    tokens = tokenizer(config.shows).input_ids
    if len(tokens) <= limit:
        return []
    lost = tokenizer.decode(tokens[limit - 1 : -1], skip_special_tokens=True).strip()
    return [f"the prompt is longer than the model's {limit} tokens; cut: '{lost}'"]


def _limit(pipe: Any, tokenizer: Any, config: Config) -> int:
    own = getattr(tokenizer, "model_max_length", None)
    limit = own if isinstance(own, int) else ENDLESS + 1
    taken = parameters(type(pipe)).get("max_sequence_length")
    if taken is None or limit <= CLIP:
        return limit
    return min(limit, int(config.arguments.get("max_sequence_length", taken.default)))
