"""Carrying out a ``Side`` in a pipeline: other weights, LoRA scales, prompts, guidance.

A ``Setting`` is everything that one stage changes. Entering and leaving one only moves
references and numbers; nothing is copied, and nothing is left behind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import torch
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import Tensor, nn

from .reflection import Side


class UnsupportedSide(ValueError):
    """The pipeline cannot do what a Side asks for."""


@dataclass(frozen=True)
class Family:
    """What the core must know of a pipeline family.

    Attributes:
        denoisers: names of the pipeline's denoiser attributes.
        conditional_half: where the conditional samples are in a guided batch: 1 if it is
            [unconditional, conditional], 0 if the other way round.
        differences: the Side fields that this family can carry out.
        encode: ``encode(pipe, call, prompt, negative_prompt, guided)``: the denoiser's
            keyword arguments for another prompt, each ``(batch, ...)``, halves stacked as
            the pipeline stacks them. ``call`` holds the pipeline call's arguments.
        fit: makes a denoiser that a Side names ready for a pipeline, if it needs to be.
    """

    denoisers: tuple[str, ...]
    conditional_half: int
    differences: frozenset[str]
    encode: Callable[[Any, Mapping[str, Any], Any, Any, bool], dict[str, Tensor]]
    fit: Callable[[Any, nn.Module], nn.Module] = lambda pipe, module: module

    def check(self, pipe: Any, side: Side, name: str) -> None:
        """Refuse, by name, what this family cannot do.

        Raises:
            UnsupportedSide
        """
        for entry in fields(side):
            asked = getattr(side, entry.name) is not None
            if asked and entry.name not in self.differences:
                raise UnsupportedSide(
                    f"{type(pipe).__name__} cannot do {name}.{entry.name}; it can differ in "
                    f"{', '.join(sorted(self.differences))}"
                )


@dataclass(frozen=True)
class LoraState:
    """Which adapters of one LoRA layer are on, and how strongly."""

    layer: BaseTunerLayer
    active: tuple[str, ...]
    disabled: bool
    scaling: dict[str, float]

    @classmethod
    def of(cls, layer: BaseTunerLayer) -> LoraState:
        return cls(layer, tuple(layer.active_adapters), layer.disable_adapters, dict(layer.scaling))

    def put(self) -> None:
        # Not set_adapter(): it would also switch requires_grad.
        self.layer._active_adapter = list(self.active)
        self.layer._disable_adapters = self.disabled
        self.layer.scaling.update(self.scaling)

    def changed(self, scales: Mapping[str, float]) -> LoraState:
        """The same layer with some adapters at other scales; 0 switches one off."""
        here = {name: scale for name, scale in scales.items() if name in self.layer.scaling}
        on = [] if self.disabled else [n for n in self.active if n not in here]
        scaling = {}
        for name, scale in here.items():
            self.layer.set_scale(name, scale)
            scaling[name] = self.layer.scaling[name]
            if scale != 0:
                on.append(name)
        self.layer.scaling.update(self.scaling)
        return LoraState(self.layer, tuple(on), not on, {**self.scaling, **scaling})


@dataclass(frozen=True)
class Setting:
    """What one stage changes in the pipeline and in its denoiser calls.

    Attributes:
        modules: pipeline attributes and the modules to stand in for them.
        lora: the state of every LoRA layer that changes.
        arguments: keyword arguments of the denoiser to replace, one row a clip and half.
        guidance: the scale to apply in place of the pipeline's; None leaves it alone.
        whole: evaluate both halves even where the guidance needs one.
    """

    modules: dict[str, nn.Module] = field(default_factory=dict)
    lora: tuple[LoraState, ...] = ()
    arguments: dict[str, Tensor] = field(default_factory=dict)
    guidance: float | None = None
    whole: bool = False

    def half(self, conditional: int) -> int | None:
        """The half of a guided batch that is enough; None if both are needed."""
        if self.whole:
            return None
        if self.guidance == 1.0:
            return conditional
        if self.guidance == 0.0:
            return 1 - conditional
        return None


def prepare(
    pipe: Any, family: Family, side: Side, call: Mapping[str, Any], guided: bool
) -> Setting:
    """Work out a side's setting, once, before sampling.

    Args:
        call: the arguments of the pipeline call.
        guided: whether the denoiser will see guided (doubled) batches.

    Raises:
        UnsupportedSide
    """
    modules: dict[str, nn.Module] = {}
    if side.denoiser is not None:
        name = family.denoisers[0]
        module = family.fit(pipe, side.denoiser)
        now = getattr(pipe, name)
        if module.dtype != now.dtype or module.device != now.device:
            module = module.to(device=now.device, dtype=now.dtype)
        modules[name] = module.eval()
    arguments: dict[str, Tensor] = {}
    if side.prompt is not None or side.negative_prompt is not None:
        arguments = family.encode(pipe, call, side.prompt, side.negative_prompt, guided)
    lora: tuple[LoraState, ...] = ()
    if side.adapters is not None:
        targets = [modules.get(name, getattr(pipe, name)) for name in family.denoisers]
        lora = _lora(targets, side.adapters)
    return Setting(modules, lora, arguments, side.guidance_scale if guided else None)


def lora_layers(modules: list[nn.Module]) -> list[BaseTunerLayer]:
    return [m for module in modules for m in module.modules() if isinstance(m, BaseTunerLayer)]


def _lora(modules: list[nn.Module], scales: Mapping[str, float]) -> tuple[LoraState, ...]:
    layers = lora_layers(modules)
    known = sorted({name for layer in layers for name in layer.scaling})
    for name in scales:
        if name not in known:
            loaded = f"loaded are {', '.join(known)}" if known else "none is loaded"
            raise UnsupportedSide(
                f"there is no adapter {name!r}: {loaded}; "
                f"load it with pipe.load_lora_weights(..., adapter_name={name!r})"
            )
    if any(layer.merged for layer in layers):
        raise UnsupportedSide(
            "LoRA weights are fused into the model, so their scale cannot change; "
            "call pipe.unfuse_lora() first"
        )
    return tuple(LoraState.of(layer).changed(scales) for layer in layers)


def chosen_rows(arguments: Mapping[str, Any], half: int, rows: int) -> dict[str, Any]:
    """One half of a guided batch: of every argument with ``rows`` (or a multiple) rows."""

    def cut(value: Any) -> Any:
        if isinstance(value, Tensor):
            guided = value.ndim > 0 and value.shape[0] >= rows and value.shape[0] % rows == 0
            return value.chunk(2)[half] if guided else value
        if isinstance(value, (list, tuple)):
            return type(value)(cut(v) for v in value)
        if isinstance(value, dict):
            return {k: cut(v) for k, v in value.items()}
        return value

    return {name: cut(value) for name, value in arguments.items()}


def in_place_of(old: Tensor, new: Tensor) -> Tensor:
    """``new`` with each row repeated as often as ``old`` has it (once a frame, say)."""
    if old.shape[0] % new.shape[0]:
        raise UnsupportedSide(
            f"a side's prompt makes {new.shape[0]} rows where the call has {old.shape[0]}"
        )
    return new.to(old).repeat_interleave(old.shape[0] // new.shape[0], dim=0)


def guided(out: Tensor, scale: float, conditional: int) -> Tensor:
    """Both halves set to the guided output, so that the pipeline's own guidance keeps it."""
    halves = out.chunk(2)
    u, c = halves[1 - conditional], halves[conditional]
    return torch.cat([u + scale * (c - u)] * 2)
