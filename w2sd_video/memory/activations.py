"""What a model's call gives, and the memory it takes, without computing it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensor,
    FakeTensorMode,
    unset_fake_temporarily,
)
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter, tree_map_only
from torch.utils.weak import WeakTensorKeyDictionary

FEW = 2**20  # numbers that are still computed
UNKNOWN = object()


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

    Only little that comes of what was given and not of weights is computed, because shapes may
    depend on it (on a mask, say). Weights do not count to the memory, and what a kernel takes
    for itself is not seen.

    Returns:
        None if a shape depends on what would have to be computed (as in a mixture of experts).
    """
    with FakeTensorMode(allow_non_fake_inputs=True) as fake, torch.no_grad():
        live = _Live(fake)
        args, kwargs = tree_map_only(Tensor, live.stand_in, (args, kwargs))
        with live:
            live.see((args, kwargs))
            try:
                output = call(*args, **kwargs)
            except (DataDependentOutputException, DynamicOutputShapeException):
                return None
    return Rehearsal(live.peak, output)


class _Live(TorchDispatchMode):
    """Adds up the memory of all tensors that anything still holds."""

    def __init__(self, fake: FakeTensorMode) -> None:
        super().__init__()
        self.peak = 0
        self._fake = fake
        self._live: dict[int, tuple[StorageWeakRef, int]] = {}
        self._contents = WeakTensorKeyDictionary()  # of what has no content itself, where known

    def stand_in(self, tensor: Tensor) -> Tensor:
        """The like of a tensor that was given."""
        made = self._fake.from_tensor(tensor)
        if tensor.numel() < FEW and not tensor.is_meta:
            self._contents[made] = _really(torch.clone, ((tensor,), {}))  # may be written into
        return made

    def see(self, made: Any) -> None:
        for tensor in tree_iter(made):
            if isinstance(tensor, Tensor):
                storage = tensor.untyped_storage()
                ref = StorageWeakRef(storage)
                self._live.setdefault(ref.cdata, (ref, storage.nbytes()))
        self._live = {key: kept for key, kept in self._live.items() if not kept[0].expired()}
        self.peak = max(self.peak, sum(size for _, size in self._live.values()))

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is torch.ops.aten.index.Tensor:
            args = args[0], [self._places(index) for index in args[1]]
        writes = func._schema.is_mutable
        if writes:  # a model's own counters must stay as they are
            args, kwargs = tree_map_only(Tensor, self._shadow, (args, kwargs))
        contents = tree_map_only(Tensor, self._content, (args, kwargs))
        known = not any(content is UNKNOWN for content in tree_iter(contents))
        known &= torch.Tag.nondeterministic_seeded not in func.tags
        try:
            out = func(*args, **kwargs)
        except (DataDependentOutputException, DynamicOutputShapeException):
            if not known:
                raise
            out = tree_map_only(Tensor, self.stand_in, _really(func, contents))
        else:
            self._learn(out, func, contents if known else None)
            if writes and not known:
                self._forget((args, kwargs))
        if not func.is_view:  # a weight's views are no more memory than it
            self.see(out)
        return out

    def _learn(self, out: Any, func: Any, contents: Any) -> None:
        """Note what the content of ``out`` is, if it is known and little."""
        made = [x for x in tree_iter(out) if isinstance(x, FakeTensor)]
        if contents is None or any(x.numel() >= FEW or x.is_meta for x in made):
            for tensor in made:
                self._contents.pop(tensor, None)
        elif made:
            really = [x for x in tree_iter(_really(func, contents)) if isinstance(x, Tensor)]
            self._contents.update(zip(made, really, strict=True))

    def _shadow(self, tensor: Tensor) -> Tensor:
        return tensor if isinstance(tensor, FakeTensor) else self._fake.from_tensor(tensor)

    def _forget(self, written: Any) -> None:
        """What may have been written into is no longer known, nor are views of it."""
        tensors = [x for x in tree_iter(written) if isinstance(x, Tensor)]
        places = {tensor.untyped_storage()._cdata for tensor in tensors}
        for tensor in list(self._contents):
            if tensor.untyped_storage()._cdata in places:
                del self._contents[tensor]

    def _content(self, tensor: Tensor) -> Tensor | object:
        if isinstance(tensor, FakeTensor):
            return self._contents.get(tensor, UNKNOWN)
        return UNKNOWN if tensor.is_floating_point() else tensor  # weights are not looked at

    def _places(self, index: Tensor | None) -> Tensor | None:
        """Where a mask of one dimension is true, if that is known: so many are taken."""
        if index is None or index.dtype != torch.bool or index.ndim != 1:
            return index
        mask = self._content(index)
        if mask is UNKNOWN:
            return index
        return self.stand_in(_really(torch.nonzero, ((mask,), {}))[:, 0])


def _really(func: Any, contents: Any) -> Any:
    args, kwargs = contents
    with unset_fake_temporarily():
        return func(*args, **kwargs)
