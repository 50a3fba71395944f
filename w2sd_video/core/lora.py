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

    @property
    def scales(self) -> tuple[Any, ...]:
        """What of it decides the layer's output."""
        on = () if self.disabled else self.active
        return tuple((name, self.scaling[name]) for name in on if name in self.scaling)

    def put(self) -> None:
        # Not set_adapter(): it would also switch requires_grad.
        self.layer._active_adapter = list(self.active)
        self.layer._disable_adapters = self.disabled
        self.layer.scaling.update(self.scaling)

    def changed(self, scales: Mapping[str, float]) -> LoraState:
        """The same layer with some adapters at other scales; 0 switches one off."""
        here = {name: scale for name, scale in scales.items() if name in self.layer.scaling}
        active = () if self.disabled else self.active
        # In the order that there was: sums in another one are rounded to something else.
        on = [n for n in dict.fromkeys((*active, *here)) if here.get(n) != 0]
        scaling = {}
        for name, scale in here.items():
            self.layer.set_scale(name, scale)
            scaling[name] = self.layer.scaling[name]
        self.layer.scaling.update(self.scaling)
        return LoraState(self.layer, tuple(on), not on, {**self.scaling, **scaling})


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
) -> tuple[tuple[LoraState, ...], tuple[LoraState, ...]]:
    """The layers' states in the denoisers, and those in text encoders that have such adapters.

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
        tuple(LoraState.of(layer).changed(scales) for layer in layers) for layers in (used, read)
    )
    return in_denoisers, in_encoders


@contextmanager
def put(states: tuple[LoraState, ...]) -> Iterator[None]:
    """Within it, layers have these states; afterwards their own again."""
    before = [LoraState.of(state.layer) for state in states]
    try:
        for state in states:
            state.put()
        yield
    finally:
        for state in before:
            state.put()


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
