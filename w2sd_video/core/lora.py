"""LoRA scales of one stage: which adapters are on, and how strongly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from peft.tuners.lora import LoraLayer
from torch import nn

from .family import UnsupportedSide


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


def scaled(modules: dict[str, nn.Module], scales: Mapping[str, float]) -> tuple[LoraState, ...]:
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
