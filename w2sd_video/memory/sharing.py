"""A pair of models is not two models: equal parameters are stored once."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

import torch
from torch import Tensor, nn

from .tensors import place, tensors


def share(keep: nn.Module, other: nn.Module) -> int:
    """Make ``other`` use the storage of every parameter and buffer that equals ``keep``'s.

    Tensors are equal if their name, dtype, device and every value are. What is shared is
    one tensor: an in-place change of one model (fusing a LoRA, say) shows in the other.

    Returns:
        the bytes that ``other`` no longer needs of its own.
    """
    own = _by_layer(keep)
    saved = 0
    for name, tensor in _by_layer(other).items():
        twin = own.get(name)
        if twin is None or twin.data_ptr() == tensor.data_ptr():
            continue
        same_kind = (twin.shape, twin.dtype, twin.device) == (
            tensor.shape,
            tensor.dtype,
            tensor.device,
        )
        if same_kind and torch.equal(twin, tensor):
            tensor.data = twin.data
            saved += tensor.numel() * tensor.element_size()
    return saved


def move(modules: Iterable[nn.Module], device: torch.device | str) -> None:
    """Move modules to a device; what they share is shared there, too."""
    moved: dict[Hashable, Tensor] = {}
    for module in modules:
        for tensor in tensors(module).values():
            key = place(tensor)
            if key not in moved:
                moved[key] = tensor.data.to(device)
            tensor.data = moved[key]


def _by_layer(module: nn.Module) -> dict[str, Tensor]:
    """A layer under a LoRA goes by its own name."""
    return {name.replace(".base_layer.", "."): t for name, t in tensors(module).items()}
