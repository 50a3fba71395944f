"""LoRA scales of one stage: which adapters are on, and how strongly."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from peft.tuners.lora import LoraLayer
from torch import nn

from .family import Call, UnsupportedSide
from .reflection import Reflection

# Arguments of a call that carry a scale of all LoRA, under which the sides' scales are, too.
SCALED_BY = ("cross_attention_kwargs", "attention_kwargs", "joint_attention_kwargs")


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


@dataclass(frozen=True)
class LoraScales:
    """Scales of some adapters of one LoRA layer; 0 switches one off.

    The others are left as they are, which a callback may change between two stages.

    Attributes:
        scaling: what the layer multiplies each by, its own ``alpha`` and rank included.
    """

    layer: LoraLayer
    scaling: dict[str, float]

    @classmethod
    def of(cls, layer: LoraLayer, scales: Mapping[str, float]) -> LoraScales:
        """Of the adapters that the layer has."""
        before = dict(layer.scaling)
        for name in before.keys() & scales.keys():
            layer.set_scale(name, scales[name])
        scaling = {name: layer.scaling[name] for name in scales if name in before}
        layer.scaling.update(before)
        return cls(layer, scaling)

    def put(self) -> None:
        layer = self.layer
        active = () if layer.disable_adapters else layer.active_adapters
        # In the order that there was: sums in another one are rounded to something else.
        on = [n for n in dict.fromkeys((*active, *self.scaling)) if self.scaling.get(n) != 0]
        LoraState(layer, tuple(on), not on, self.scaling).put()

    @property
    def key(self) -> tuple[Any, ...]:
        """What of it decides the layer's output, beside how the layer is."""
        return tuple(self.scaling.items())


def check(call: Call, reflection: Reflection) -> None:
    """Refuse scales of a side that the call's own scale takes away.

    Raises:
        UnsupportedSide
    """
    off = [name for name in SCALED_BY if (call.get(name) or {}).get("scale") == 0]
    for name, side in (("strong", reflection.strong), ("weak", reflection.weak)):
        if off and side.adapters:
            raise UnsupportedSide(
                f"{name}.adapters would change nothing: the call's {off[0]} have a scale of 0, "
                f"by which every adapter's is multiplied; leave that scale out"
            )


def scaled(
    own: dict[str, nn.Module],
    given: dict[str, nn.Module],
    encoders: dict[str, nn.Module],
    scales: Mapping[str, float],
) -> tuple[tuple[LoraScales, ...], tuple[LoraScales, ...]]:
    """Of the layers in the denoisers, and of those in text encoders that have such adapters.

    Args:
        own: the pipeline's denoisers; given: a side's in their place, if it has any.
        encoders: the pipeline's text encoders.

    Raises:
        UnsupportedSide: if an adapter is not there, or cannot change.
    """
    used = _layers({**own, **given}.values())
    reading = _layers(encoders.values())
    for name in scales:
        _find(name, own, given, encoders)
    read = [layer for layer in reading if {*layer.scaling} & {*scales}]
    if any(layer.merged for layer in (*used, *read)):
        raise UnsupportedSide(
            "LoRA weights are fused into the model, so their scale cannot change; "
            "call pipe.unfuse_lora() first"
        )
    in_denoisers, in_encoders = (
        tuple(LoraScales.of(layer, scales) for layer in layers) for layers in (used, read)
    )
    return in_denoisers, in_encoders


@contextmanager
def put(scales: tuple[LoraScales, ...]) -> Iterator[None]:
    """Within it, layers have these scales; afterwards their own again."""
    before = [LoraState.of(each.layer) for each in scales]
    try:
        for each in scales:
            each.put()
        yield
    finally:
        for state in before:
            state.put()


def fused_into(own: nn.Module, other: nn.Module) -> bool:
    """Whether LoRA of one module is fused into weights that are another's, too."""
    merged = [layer.get_base_layer().weight for layer in _layers([own]) if layer.merged]
    if not merged or own is other:
        return False
    theirs = {parameter.data_ptr() for parameter in other.parameters()} - {0}  # offloaded
    return any(weight.data_ptr() in theirs for weight in merged)


def _find(
    name: str,
    own: dict[str, nn.Module],
    given: dict[str, nn.Module],
    encoders: dict[str, nn.Module],
) -> None:
    """Raise an error that says what to do if an adapter is not where a side needs it."""
    known = _names({**own, **given})
    loaded = f"has {', '.join(known)}" if known else "has none"
    in_encoders = name in _names(encoders)
    if name in known or (in_encoders and not (given and name in _names(own))):
        return
    if given:
        kind = next(iter(given)).partition("_")[0]
        raise UnsupportedSide(
            f"there is no adapter {name!r} in the side's own denoiser ({', '.join(given)}), which "
            f"{loaded}: the pipeline's LoRA is not carried over to it; load it there as well, "
            f"denoiser.load_lora_adapter(..., prefix={kind!r}, adapter_name={name!r}), "
            f"or leave it out of Side.adapters"
        )
    raise UnsupportedSide(
        f"there is no adapter {name!r} in the denoiser ({', '.join(own)}), which "
        f"{loaded}; load it with pipe.load_lora_weights(..., adapter_name={name!r})"
    )


def _layers(modules: Iterable[nn.Module]) -> list[LoraLayer]:
    return [m for module in modules for m in module.modules() if isinstance(m, LoraLayer)]


def _names(modules: dict[str, nn.Module]) -> list[str]:
    return sorted({name for layer in _layers(modules.values()) for name in layer.scaling})
