"""Carrying out a ``Side`` in a pipeline: other weights, scales, prompts, guidance.

A ``Setting`` is everything that one stage changes. Entering and leaving one only moves
references and numbers; nothing is copied, and nothing is left behind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from diffusers.models.modeling_utils import LegacyModelMixin, ModelMixin
from torch import nn

from . import lora
from .family import Family, UnsupportedSide, image_processors
from .lora import LoraScales, LoraState
from .reflection import Side

# Gives the denoiser's arguments for other prompts, or the call's own, read with other scales of
# the text encoders' LoRA: of the guided batch or the conditional call, and of the unconditional
# call where that is one of its own.
Encode = Callable[[Any, Any, tuple[LoraScales, ...]], tuple[dict[str, Any], dict[str, Any]]]

# What makes the denoiser's input of a prompt, and may have LoRA of its own:
READERS = ("text_encoder", "text_encoder_2", "text_encoder_3", "connectors")


@dataclass(frozen=True)
class Setting:
    """What one stage changes in the pipeline and in its denoiser calls.

    Attributes:
        modules: pipeline attributes and the modules to stand in for them.
        lora: of every LoRA layer in the denoisers the scales that change.
        attributes: other attributes to change: object, name, value.
        arguments: keyword arguments of the denoiser to replace.
        unconditional: likewise, for the second call of a family that makes two.
        guidance: the scale to apply in place of the pipeline's; None leaves it alone.
        embedded: likewise, for a model that takes its guidance as an input.
        controlnet_scale: of the residuals; None is the call's.
        whole: evaluate both halves even where the guidance needs one.
        blind: show the denoiser no image: there is no IP-Adapter in it.
    """

    modules: dict[str, nn.Module] = field(default_factory=dict)
    lora: tuple[LoraScales, ...] = ()
    attributes: tuple[tuple[Any, str, Any], ...] = ()
    arguments: dict[str, Any] = field(default_factory=dict)
    unconditional: dict[str, Any] = field(default_factory=dict)
    guidance: float | None = None
    embedded: float | None = None
    controlnet_scale: float | Sequence[float] | None = None
    whole: bool = False
    blind: bool = False

    def enter(self, pipe: Any) -> Callable[[], None]:
        """Make the changes; what is returned undoes them."""
        modules = {name: getattr(pipe, name) for name in self.modules}
        states = [LoraState.of(scales.layer) for scales in self.lora]
        attributes = [(thing, name, getattr(thing, name)) for thing, name, _ in self.attributes]
        # Not by setattr, which would write into the pipeline's config.
        pipe.__dict__.update(self.modules)
        for scales in self.lora:
            scales.put()
        for thing, name, value in self.attributes:
            setattr(thing, name, value)

        def leave() -> None:
            pipe.__dict__.update(modules)
            for state in states:
                state.put()
            for thing, name, value in attributes:
                setattr(thing, name, value)

        return leave

    def half(self, conditional: int) -> int | None:
        """The half of the guidance that is enough; None if both are needed."""
        if self.whole:
            return None
        if self.guidance == 1.0:
            return conditional
        if self.guidance == 0.0:
            return 1 - conditional
        return None


def prepare(pipe: Any, family: Family, side: Side, guided: bool, encode: Encode) -> Setting:
    """Work out a side's setting, once, before sampling.

    Args:
        guided: whether the denoiser will see both halves of classifier-free guidance.
        encode: gives the denoiser's arguments for a prompt and a negative prompt, read with
            LoRA layers of the text encoders at given scales.

    Raises:
        UnsupportedSide
    """
    own = family.modules(pipe)
    modules = {} if side.denoiser is None else _fitting(pipe, family, side.denoiser)
    used = {**own, **modules}
    arguments: dict[str, Any] = {}
    unconditional: dict[str, Any] = {}
    scales: tuple[LoraScales, ...] = ()
    reading: tuple[LoraScales, ...] = ()
    if side.adapters is not None:
        scales, reading = lora.scaled(own, modules, _text_encoders(pipe), side.adapters)
    if reading or side.prompt is not None or side.negative_prompt is not None:
        arguments, unconditional = encode(side.prompt, side.negative_prompt, reading)
    attributes: list[tuple[Any, str, Any]] = []
    if side.ip_adapter_scale is not None:
        attributes += _image_prompts(used, side.ip_adapter_scale, given=bool(modules))
    if side.experts is not None:
        attributes += _experts(family, used, side.experts)
    scale, factor = side.guidance_scale, family.guidance.embedded
    return Setting(
        modules,
        scales,
        tuple(attributes),
        arguments,
        unconditional,
        guidance=scale if guided else None,
        embedded=None if scale is None or factor is None else scale * factor,
        controlnet_scale=side.controlnet_scale,
        blind=not all(image_processors(module) for module in modules.values()),
    )


def _text_encoders(pipe: Any) -> dict[str, nn.Module]:
    found = {name: getattr(pipe, name, None) for name in READERS}
    return {name: module for name, module in found.items() if isinstance(module, nn.Module)}


def _fitting(pipe: Any, family: Family, given: Any) -> dict[str, nn.Module]:
    """A side's denoisers by attribute, if they can stand in for the pipeline's own."""
    own = family.modules(pipe)
    modules = given if isinstance(given, (tuple, list)) else (given,)
    for module in modules:
        if not isinstance(module, nn.Module):
            raise UnsupportedSide(
                f"Side(denoiser=...) must be a loaded module, not {module!r}; load it first, "
                f"for example with w2sd_video.pipelines.load_denoiser(pipe, ...)"
            )
    if len(modules) != len(own):
        raise UnsupportedSide(
            f"this pipeline has {len(own)} denoiser{'s' * (len(own) > 1)} ({', '.join(own)}), "
            f"the side names {len(modules)}; give one for each, in this order"
        )
    if getattr(pipe, "free_noise_enabled", False):
        raise UnsupportedSide(
            "FreeNoise patches the pipeline's own denoiser only, so another one cannot take "
            "part; call pipe.disable_free_noise(), or let the sides differ in something else"
        )
    device = pipe._execution_device
    fitted = {}
    for (name, mine), module in zip(own.items(), modules, strict=True):
        fitted[name] = module = family.fit(pipe, module)
        _check_kind(module, mine)
        if lora.fused_into(mine, module):
            raise UnsupportedSide(
                "the pipeline's LoRA is fused into weights that the side's denoiser shares, so "
                "that both have it; call pipe.unfuse_lora(), or fuse it before load_denoiser()"
            )
        there = _runs_on(module)
        if module.dtype != mine.dtype or there.type != device.type:
            raise UnsupportedSide(
                f"the side's denoiser is {module.dtype} on {there}, the pipeline's "
                f"{mine.dtype} on {device}; move it first: "
                f"denoiser.to({str(device)!r}, {mine.dtype})"
            )
    return fitted


# What two denoisers must have in common, where both say it.
_SHAPE = ("in_channels", "cross_attention_dim", "joint_attention_dim", "text_dim")


def _check_kind(module: nn.Module, mine: nn.Module) -> None:
    """Refuse a denoiser of another architecture, or for other latents or prompts.

    Only what surely does not fit: wrapped ones and those of users' own classes pass.
    """
    kind, expected = _architecture(module), _architecture(mine)
    if kind and expected and not (issubclass(kind, expected) or issubclass(expected, kind)):
        raise UnsupportedSide(
            f"the side's denoiser is a {kind.__name__}, the pipeline's own a "
            f"{expected.__name__}; give one of that class"
        )
    theirs, ours = (getattr(each, "config", None) or {} for each in (module, mine))
    for key in _SHAPE:
        value, wanted = theirs.get(key), ours.get(key)
        if isinstance(value, int) and isinstance(wanted, int) and value != wanted:
            raise UnsupportedSide(
                f"the side's denoiser has {key}={value}, the pipeline's own {key}={wanted}; "
                f"give one of the same kind of model"
            )


def _architecture(module: Any) -> type | None:
    """The class of diffusers that a denoiser is of; None if it has another's."""
    cls = type(getattr(module, "_orig_mod", module))  # of a compiled one
    models = (c for c in cls.__mro__ if c.__module__.startswith("diffusers.models."))
    found = next((c for c in models if issubclass(c, ModelMixin) and c is not ModelMixin), None)
    # The legacy class stands for several others.
    return None if found is None or issubclass(found, LegacyModelMixin) else found


def _runs_on(module: Any) -> torch.device:
    """Where a module runs, which is not where it is while it is offloaded."""
    device = getattr(getattr(module, "_hf_hook", None), "execution_device", None)
    return torch.device(device or module.device)


def _image_prompts(
    modules: dict[str, nn.Module], scale: float, *, given: bool
) -> Iterator[tuple[Any, str, Any]]:
    """The scale of every attention processor that an IP-Adapter has put there.

    Args:
        given: the modules are a side's own, not the pipeline's.
    """
    processors = [p for module in modules.values() for p in image_processors(module)]
    if not processors and given:
        raise UnsupportedSide(
            f"there is no IP-Adapter in the side's own denoiser ({', '.join(modules)}), and the "
            f"pipeline's is not carried over to it; load one into that denoiser, by "
            f"load_ip_adapter(...) of a pipeline that has it, or leave ip_adapter_scale out"
        )
    if not processors:
        raise UnsupportedSide(
            f"there is no IP-Adapter in the denoiser ({', '.join(modules)}); "
            f"load one with pipe.load_ip_adapter(...)"
        )
    for processor in processors:
        several = isinstance(processor.scale, (list, tuple))
        yield processor, "scale", [scale] * len(processor.scale) if several else scale


def _experts(
    family: Family, modules: dict[str, nn.Module], experts: str
) -> Iterator[tuple[Any, str, Any]]:
    gates = [gate for module in modules.values() for gate in family.gates(module)]
    if not gates:
        raise UnsupportedSide(
            f"the denoiser ({', '.join(modules)}) is no mixture of experts: it has no top-k gate"
        )
    for gate in gates:
        yield gate, "experts", experts
