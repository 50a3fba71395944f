"""Carrying out a ``Side`` in a pipeline: other weights, LoRA scales, prompts, guidance.

A ``Setting`` is everything that one stage changes. Entering and leaving one only moves
references and numbers; nothing is copied, and nothing is left behind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import torch
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn

from .reflection import Side


class UnsupportedSide(ValueError):
    """The pipeline cannot do what a Side asks for."""


@dataclass(frozen=True)
class Family:
    """What the core must know of a pipeline family.

    Attributes:
        denoisers: names of the pipeline's denoiser attributes.
        sample: name of the denoiser's first argument, the latents.
        conditional_half: where the conditional samples are in a guided batch: 1 if it is
            [unconditional, conditional], 0 if the other way round.
        differences: the Side fields that this family can carry out.
        encode: ``encode(pipe, call, prompt, negative_prompt, guided)``: the denoiser's
            keyword arguments for another prompt, each ``(batch, ...)``, halves stacked as
            the pipeline stacks them. ``call`` holds the pipeline call's arguments.
        fit: makes a denoiser that a Side names ready for a pipeline, if it needs to be.
    """

    denoisers: tuple[str, ...]
    sample: str
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
        config = getattr(pipe, self.denoisers[0]).config
        if side.guidance_scale is not None and config.get("time_cond_proj_dim"):
            raise UnsupportedSide(
                f"{name}.guidance_scale: this model takes its guidance as an input (LCM) and "
                f"has no unconditional half to guide with; let the sides differ in something else"
            )


@dataclass(frozen=True)
class LoraState:
    """Which adapters of one LoRA layer are on, and how strongly."""

    layer: LoraLayer
    active: tuple[str, ...]
    disabled: bool
    scaling: dict[str, float]

    @classmethod
    def of(cls, layer: LoraLayer) -> LoraState:
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

    def enter(self, pipe: Any) -> Callable[[], None]:
        """Make the changes; what is returned undoes them."""
        modules = {name: getattr(pipe, name) for name in self.modules}
        lora = [LoraState.of(state.layer) for state in self.lora]
        # Not by setattr, which would write into the pipeline's config.
        pipe.__dict__.update(self.modules)
        for state in self.lora:
            state.put()

        def leave() -> None:
            pipe.__dict__.update(modules)
            for state in lora:
                state.put()

        return leave

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
        modules[family.denoisers[0]] = _fitting(pipe, family, side.denoiser)
    arguments: dict[str, Tensor] = {}
    has_prompt = call.get("prompt") is not None or call.get("prompt_embeds") is not None
    if has_prompt and (side.prompt is not None or side.negative_prompt is not None):
        arguments = family.encode(pipe, call, side.prompt, side.negative_prompt, guided)
    lora: tuple[LoraState, ...] = ()
    if side.adapters is not None:
        targets = {name: modules.get(name, getattr(pipe, name)) for name in family.denoisers}
        lora = _lora(targets, side.adapters)
    return Setting(modules, lora, arguments, side.guidance_scale if guided else None)


def _fitting(pipe: Any, family: Family, module: Any) -> nn.Module:
    """A side's denoiser, if it can stand in for the pipeline's own."""
    if not isinstance(module, nn.Module):
        raise UnsupportedSide(
            f"Side(denoiser=...) must be a loaded module, not {module!r}; load it first, for "
            f"AnimateDiff with pipe.load_denoiser(...)"
        )
    if getattr(pipe, "free_noise_enabled", False):
        raise UnsupportedSide(
            "FreeNoise patches the pipeline's own denoiser only, so another one cannot take "
            "part; call pipe.disable_free_noise(), or let the sides differ in something else"
        )
    module = family.fit(pipe, module)
    own = getattr(pipe, family.denoisers[0])
    device = pipe._execution_device
    if module.dtype != own.dtype or module.device.type != device.type:
        raise UnsupportedSide(
            f"the side's denoiser is {module.dtype} on {module.device}, the pipeline's {own.dtype}"
            f" on {device}; move it first: denoiser.to({str(device)!r}, {own.dtype})"
        )
    return module


def _lora(modules: dict[str, nn.Module], scales: Mapping[str, float]) -> tuple[LoraState, ...]:
    layers = [
        layer
        for module in modules.values()
        for layer in module.modules()
        if isinstance(layer, LoraLayer)
    ]
    known = sorted({name for layer in layers for name in layer.scaling})
    for name in scales:
        if name not in known:
            loaded = f"has {', '.join(known)}" if known else "has none"
            raise UnsupportedSide(
                f"there is no adapter {name!r} in the denoiser ({', '.join(modules)}), which "
                f"{loaded}; load it with pipe.load_lora_weights(..., adapter_name={name!r})"
            )
    if any(layer.merged for layer in layers):
        raise UnsupportedSide(
            "LoRA weights are fused into the model, so their scale cannot change; "
            "call pipe.unfuse_lora() first"
        )
    return tuple(LoraState.of(layer).changed(scales) for layer in layers)


def one_half(value: Any, half: int, rows: int) -> Any:
    """Cut a denoiser argument to one half of a guided batch.

    Tensors with ``rows`` rows, or a multiple (one a frame, say), are cut, also inside lists
    and mappings; everything else is left as it is.
    """
    if isinstance(value, Tensor):
        batched = value.ndim > 0 and value.shape[0] >= rows and value.shape[0] % rows == 0
        return value.chunk(2)[half] if batched else value
    if isinstance(value, (list, tuple)):
        return type(value)(one_half(v, half, rows) for v in value)
    if isinstance(value, dict):
        return {k: one_half(v, half, rows) for k, v in value.items()}
    return value


def repeated_like(new: Tensor, old: Tensor) -> Tensor:
    """``new`` with each row repeated as often as ``old`` has it (once a frame, say)."""
    return new.to(old).repeat_interleave(old.shape[0] // new.shape[0], dim=0)


def guided(out: Tensor, scale: float, conditional: int) -> Tensor:
    """Both halves set to the guided output, so that the pipeline's own guidance keeps it."""
    halves = out.chunk(2)
    u, c = halves[1 - conditional], halves[conditional]
    return torch.cat([u + scale * (c - u)] * 2)
