"""Denoiser calls that were made once are not made again.

Columns of one prompt and seed begin alike: reflections on a quarter and on half of the steps are
one and the same until the first of them stops. What is called with the same numbers gives the same
numbers, so results are those without a memo, bit for bit.
"""

from __future__ import annotations

import copy
import functools
import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch


class Memo:
    """Outputs by module and inputs, for as long as the subject stays the same.

    Attributes:
        spared: calls that were not made.
    """

    def __init__(self) -> None:
        self.spared = 0
        self._subject: Any = None
        self._known: dict[tuple[int, str], Any] = {}

    @contextmanager
    def of(self, subject: Any, modules: Iterable[torch.nn.Module]) -> Iterator[None]:
        """Have modules remember what they are called with while they sample this subject.

        What was of another one is forgotten. A module must stay in memory as long as its subject.
        """
        if subject != self._subject:
            self._subject = subject
            self._known.clear()
        own = {id(module): module for module in modules}
        for place, module in own.items():
            module.forward = self._remembered(place, module.forward)
        try:
            yield
        finally:
            for module in own.values():
                del module.forward  # the class's is there again

    def _remembered(self, module: int, forward: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(forward)
        def remembered(*args: Any, **kwargs: Any) -> Any:
            place = (module, _digest([args, kwargs]))
            if place in self._known:
                self.spared += 1
            else:
                self._known[place] = forward(*args, **kwargs)
            return copy.deepcopy(self._known[place])  # what is changed in place stays known

        return remembered


def _digest(values: Any) -> str:
    found = hashlib.sha256()
    _update(found, values)
    return found.hexdigest()


def _update(found: Any, value: Any) -> None:
    if isinstance(value, torch.Tensor):
        found.update(f"{value.dtype} {tuple(value.shape)}".encode())
        flat = value.detach().clone(memory_format=torch.contiguous_format).view(-1)
        found.update(flat.view(torch.uint8).numpy())
    elif isinstance(value, dict):
        for key in sorted(value):
            found.update(str(key).encode())
            _update(found, value[key])
    elif isinstance(value, list | tuple):
        found.update(f"{len(value)} of".encode())
        for one in value:
            _update(found, one)
    else:
        found.update(f"{type(value).__name__} {value!r}".encode())
