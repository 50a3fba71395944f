"""A side's prompts: encoded as the pipeline itself does it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import torch

from . import halves, lora
from .family import Call, UnsupportedSide
from .lora import LoraScales

Arguments = dict[str, Any]


class Encoder:
    """Gives the denoiser's arguments for other prompts, once for each.

    The pipeline is called with them and stopped at its denoiser, which only looks at what it
    is given.

    Args:
        sample: the stock pipeline's ``__call__``; call: its arguments by name.
        calls: denoiser calls that see prompts: two where guidance makes one of its own.
    """

    def __init__(self, pipe: Any, sample: Callable[..., Any], call: Call, calls: int) -> None:
        self._pipe, self._sample, self._call, self._calls = pipe, sample, call, calls
        self._shown: list[Arguments] | None = None  # what a preparing call has shown so far
        self._encoded: dict[str, tuple[Arguments, Arguments]] = {}

    @property
    def active(self) -> bool:
        """Whether the call under way is one of these: nothing is to be evaluated."""
        return self._shown is not None

    def encode(
        self, prompt: Any, negative_prompt: Any, scales: tuple[LoraScales, ...] = ()
    ) -> tuple[Arguments, Arguments]:
        """For the first call and for the second; None leaves a prompt as the call has it.

        Args:
            scales: of the text encoders' LoRA layers, where they are not to be as they are.
        """
        key = repr((prompt, negative_prompt, [each.key for each in scales]))
        if key not in self._encoded:
            travel = bool(getattr(self._pipe, "free_noise_enabled", False))
            call = replaced(self._call, prompt, negative_prompt, travel=travel)
            with lora.put(scales):
                first, second = self._prepare(call)
            self._encoded[key] = _of_prompt(first), _of_prompt(second)
        return self._encoded[key]

    def _prepare(self, call: Arguments) -> tuple[Arguments, Arguments]:
        """What the denoiser is given in a call."""
        shown: list[Arguments] = []
        self._shown = shown
        device, generator = self._pipe._execution_device, call.get("generator")
        try:
            with _same_randomness_after(device, generator), suppress(_Shown):
                self._sample(**call)
        finally:
            self._shown = None
        if len(shown) < self._calls:  # strength leaves no step to take
            return {}, {}
        return shown[0], shown[1] if self._calls == 2 else {}

    def show(self, given: Arguments, config: Any) -> Any:
        """What a denoiser of this config does in such a call."""
        assert self._shown is not None
        self._shown.append(given)
        if len(self._shown) == self._calls:
            raise _Shown
        return halves.unevaluated(given, config)


def replaced(call: Call, prompt: Any, negative_prompt: Any, *, travel: bool = False) -> Arguments:
    """The call with other prompts; what is None stays as the call has it.

    A side's prompt is that of all text encoders: what the call has for a second one makes way,
    as do embeddings that it gives in place of a prompt.

    Args:
        travel: the pipeline reads a prompt as FreeNoise does: one string, or a dict of frames
            and their prompts; no list.

    Raises:
        UnsupportedSide: if a side has another number of prompts than the call, or prompts for
            frames where the pipeline reads none.
    """
    arguments = dict(call)
    if prompt is None and negative_prompt is None:
        return arguments
    count = _count(call)
    for name, text in (("prompt", prompt), ("negative_prompt", negative_prompt)):
        if text is not None:
            others = {f"{name}_2", f"{name}_3"} & {*call}
            arguments |= dict.fromkeys(key for key in call if key in others or _embeds(key, name))
            arguments[name] = _travelling(text) if travel else _each(text, count)
        elif isinstance(call.get(name), str) and not travel:
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


def _travelling(prompt: Any) -> Any:
    """A prompt as FreeNoise takes it, for the one clip that it makes."""
    return prompt if isinstance(prompt, (str, dict)) else _each(prompt, 1)[0]


def _each(prompt: Any, count: int) -> list[str]:
    """One prompt for every prompt of the call."""
    if isinstance(prompt, str):
        return [prompt] * count
    if isinstance(prompt, dict):
        raise UnsupportedSide(
            "a side's prompt is a dict of frames, which only FreeNoise reads; "
            "call pipe.enable_free_noise() first, or give one string"
        )
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
def _same_randomness_after(device: torch.device, generator: Any) -> Iterator[None]:
    """What is drawn inside is drawn again afterwards."""
    generators = generator if isinstance(generator, (list, tuple)) else [generator]
    states = [(g, g.get_state()) for g in generators if g is not None]
    # By default it would open a context, with its memory, on every GPU of the machine.
    drawing = [device] if device.type in ("cuda", "xpu") else []
    with torch.random.fork_rng(drawing, device_type=device.type if drawing else None):
        try:
            yield
        finally:
            for g, state in states:
                g.set_state(state)
