"""What a model's call gives, and the memory it takes, without computing anything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensorMode,
)
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter, tree_map_only


@dataclass(frozen=True)
class Rehearsal:
    """What a call would give and take.

    Attributes:
        peak: bytes that it holds at most at one moment, input and output too.
    """

    peak: int
    _output: Any

    def zeros(self) -> Any:
        """As the call would return it, of zeros."""
        return tree_map_only(
            Tensor, lambda t: torch.zeros(t.shape, dtype=t.dtype, device=t.device), self._output
        )


def rehearse(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Rehearsal | None:
    """Carry out ``call(*args, **kwargs)`` on tensors that have a shape and no content.

    Weights do not count to its memory, and what a kernel takes for itself is not seen.

    Returns:
        None if a shape on the way depends on values (of a mask, say), so that it can't be told.
    """
    with FakeTensorMode(allow_non_fake_inputs=True) as fake, torch.no_grad():
        args, kwargs = tree_map_only(Tensor, fake.from_tensor, (args, kwargs))
        with _Live() as live:
            live.see((args, kwargs))
            try:
                output = call(*args, **kwargs)
            except (DataDependentOutputException, DynamicOutputShapeException):
                return None
    return Rehearsal(live.peak, output)


class _Live(TorchDispatchMode):
    """Adds up the memory of all tensors that anything still holds."""

    def __init__(self) -> None:
        super().__init__()
        self.peak = 0
        self._live: dict[int, tuple[StorageWeakRef, int]] = {}

    def see(self, made: Any) -> None:
        for tensor in tree_iter(made):
            if isinstance(tensor, Tensor):
                storage = tensor.untyped_storage()
                ref = StorageWeakRef(storage)
                self._live.setdefault(ref.cdata, (ref, storage.nbytes()))
        self._live = {key: kept for key, kept in self._live.items() if not kept[0].expired()}
        self.peak = max(self.peak, sum(size for _, size in self._live.values()))

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if not func.is_view:  # a weight's views are no more memory than it
            self.see(out)
        return out
