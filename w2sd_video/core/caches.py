"""Features that diffusers' hooks keep from one denoiser call for later ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import nn

# Kept by the name of the pipeline's cache context, so that every stage can have its own.
# Those that count steps count the calls within a context: one in every step that has the stage,
# and the steps that reflect are the first ones.
KEPT_APART = ("first_block_cache", "mag_cache", "taylorseer_cache")


def mixing(module: nn.Module) -> list[str]:
    """The caches in a module that nothing keeps apart for the sides."""
    return sorted({_name(hook) for _, hook in _hooks(module)}.difference(KEPT_APART))


def cached(module: nn.Module) -> bool:
    return any(_hooks(module))


def forget(module: nn.Module) -> None:
    """Diffusers does it for a pipeline's own components, after a call that succeeds."""
    for part, hook in _hooks(module):
        hook.reset_state(part)


def _hooks(module: nn.Module) -> Iterator[tuple[nn.Module, Any]]:
    """By what is there: ``apply_*`` puts it there as well as ``enable_cache``."""
    for part in module.modules():
        registry = getattr(part, "_diffusers_hook", None)
        for hook in registry.hooks.values() if registry is not None else ():
            if hook._is_stateful:
                yield part, hook


def _name(hook: Any) -> str:
    """Of diffusers' file for this cache, which is in the name of its ``apply_*``, too."""
    return type(hook).__module__.rpartition(".")[2]
