"""What a call must leave as it was."""

from __future__ import annotations

import copy
from typing import Any

from torch import nn

PLAIN = (bool, int, float, str, type(None), dict, list, tuple)
# Tensors; and what a gate keeps only after it has been told.
LEFT_OUT = {"_parameters", "_buffers", "_modules", "_experts"}
# What a call of diffusers' own leaves behind.
OF_CALLS = {
    "run",
    "_progress_bar_config",
    "_guidance_scale",
    "_clip_skip",
    "_cross_attention_kwargs",
    "_interrupt",
    "_num_timesteps",
}


def state_of(pipe: Any) -> dict[str, Any]:
    """The parts of a pipeline, and all that their modules say of themselves.

    Scales of adapters and which are on, experts, hooks, methods that are replaced.
    """
    modules = {
        f"{part}.{name}": of_module(module)
        for part, whole in pipe.components.items()
        if isinstance(whole, nn.Module)
        for name, module in whole.named_modules()
    }
    guider = getattr(pipe, "guider", None)
    return {
        "class": type(pipe),
        "components": dict(pipe.components),
        "attributes": {name: vars(pipe).get(name) for name in pipe.components},
        "config": dict(pipe.config),
        "names": {*vars(pipe)} - OF_CALLS,
        "guider": None if guider is None else (guider.guidance_scale, guider._enabled),
        "modules": modules,
    }


def of_module(module: nn.Module) -> dict[str, Any]:
    found = {
        name: copy.copy(value)
        for name, value in vars(module).items()
        if name not in LEFT_OUT and isinstance(value, PLAIN)
    }
    replaced = {"forward", "cache_context"} & set(vars(module))
    processor = getattr(module, "processor", None)
    read = {
        "image": getattr(processor, "scale", None),
        "experts": str(getattr(module, "experts", "")),
    }
    return {**found, **read, "replaced": replaced}
