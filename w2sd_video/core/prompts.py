"""A side's prompts: encoded as the pipeline itself does it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import torch

from . import halves
from .family import Call, UnsupportedSide

Arguments = dict[str, Any]


class Encoder:
    """Gives the denoiser's arguments for other prompts, once for each.

    The pipeline is called with them and stopped at its denoiser, which only looks at what it
    is given.

    Args:
        sample: the stock pipeline's ``__call__``; call: its arguments by name.
        calls: denoiser calls that see prompts: two where guidance makes one of its own.
    """

    def __init__(self, sample: Callable[..., Any], call: Call, calls: int) -> None:
        self._sample, self._call, self._calls = sample, call, calls
        self._shown: list[Arguments] | None = None  # what a preparing call has shown so far
        self._encoded: dict[str, tuple[Arguments, Arguments]] = {}

    @property
    def active(self) -> bool:
        """Whether the call under way is one of these: nothing is to be evaluated."""
        return self._shown is not None

    def encode(self, prompt: Any, negative_prompt: Any) -> tuple[Arguments, Arguments]:
        """For the first call and for the second; None leaves a prompt as the call has it."""
        key = repr((prompt, negative_prompt))
        if key not in self._encoded:
            shown: list[Arguments] = []
            self._shown = shown
            call = replaced(self._call, prompt, negative_prompt)
            try:
                with _same_randomness_after(call.get("generator")), suppress(_Shown):
                    self._sample(**call)
            finally:
                self._shown = None
            first, second = shown[0], shown[1] if self._calls == 2 else {}
            self._encoded[key] = _of_prompt(first), _of_prompt(second)
        return self._encoded[key]

    def show(self, given: Arguments, config: Any) -> Any:
        """What a denoiser of this config does in such a call."""
        assert self._shown is not None
        self._shown.append(given)
        if len(self._shown) == self._calls:
            raise _Shown
        return halves.unevaluated(given, config)


def replaced(call: Call, prompt: Any, negative_prompt: Any) -> Arguments:
    """The call with other prompts; what is None stays as the call has it.

    A side's prompt is that of all text encoders: what the call has for a second one makes way,
    as do embeddings that it gives in place of a prompt.

    Raises:
        UnsupportedSide: if a side has another number of prompts than the call.
    """
    arguments = dict(call)
    count = _count(call)
    for name, text in (("prompt", prompt), ("negative_prompt", negative_prompt)):
        if text is not None:
            others = {f"{name}_2", f"{name}_3"} & {*call}
            arguments |= dict.fromkeys(key for key in call if key in others or _embeds(key, name))
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


class _Shown(Exception):
    """A preparing call has shown what it was made for."""


def _of_prompt(given: Arguments) -> Arguments:
    return {name: value for name, value in given.items() if name in halves.PROMPT}


@contextmanager
def _same_randomness_after(generator: Any) -> Iterator[None]:
    """What is drawn inside is drawn again afterwards."""
    generators = generator if isinstance(generator, (list, tuple)) else [generator]
    states = [(g, g.get_state()) for g in generators if g is not None]
    with torch.random.fork_rng():
        try:
            yield
        finally:
            for g, state in states:
                g.set_state(state)
