"""The tensors of a model, and the memory they lie in."""

from __future__ import annotations

from collections.abc import Hashable

from torch import Tensor, nn

MIB = 2**20
GIB = 2**30


def tensors(module: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers by name."""
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}


def place(tensor: Tensor) -> Hashable:
    """Equal for tensors that are the same values in the same memory."""
    return tensor.data_ptr(), tensor.dtype, tensor.shape, tensor.stride()


def size(count: int) -> str:
    """Bytes for people."""
    return f"{count / GIB:.1f} GiB" if count >= GIB else f"{count / MIB:.0f} MiB"
