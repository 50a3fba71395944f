"""A side's prompts, put into the arguments of a pipeline call."""

from __future__ import annotations

from typing import Any

from .family import Call, UnsupportedSide


def replaced(call: Call, prompt: Any, negative_prompt: Any) -> dict[str, Any]:
    """The call with other prompts; what is None stays as the call has it.

    Embeddings that the call gives in place of a prompt make way for the side's.

    Raises:
        UnsupportedSide: if a side has another number of prompts than the call.
    """
    arguments = dict(call)
    count = _count(call)
    for name, text in (("prompt", prompt), ("negative_prompt", negative_prompt)):
        embedded = [key for key in call if _embeds(key, name)]
        if text is not None:
            arguments |= dict.fromkeys(embedded)
            arguments[name] = _each(text, count)
        elif isinstance(call.get(name), str):
            arguments[name] = _each(call[name], count)  # pipelines want both of one type
    return arguments


def _embeds(argument: str, name: str) -> bool:
    """Whether a call's argument holds what the text encoders made of ``name``."""
    negative = argument.startswith("negative_")
    what = argument.removeprefix("negative_")
    made = "prompt_embeds" in what or what.startswith("prompt_attention_mask")
    return made and negative == name.startswith("negative_")


def _count(call: Call) -> int:
    prompt, embeds = call.get("prompt"), call.get("prompt_embeds")
    if prompt is None and embeds is not None:
        return len(embeds)
    return len(prompt) if isinstance(prompt, list) else 1


def _each(prompt: Any, count: int) -> list[str]:
    """One prompt for every prompt of the call."""
    if isinstance(prompt, str):
        return [prompt] * count
    if len(prompt) != count:
        raise UnsupportedSide(
            f"a side has {len(prompt)} prompts where the call has {count}; "
            f"give one string, or one prompt for each"
        )
    return list(prompt)
