"""Denoisers through ``torch.compile``: kernels made for their shapes, once for all clips."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn

from w2sd_video.core.replaced import replaced


class Compiled:
    """The compiled forward functions of the denoisers that a loaded pipeline is rendered with.

    What is compiled is the model's own function, below everything that reflection does around
    it, so that changing stages changes nothing that was compiled. Shapes that a stage has for
    the first time (one half of guidance, say) are compiled then.
    """

    def __init__(self) -> None:
        self._forwards: dict[int, Any] = {}

    @contextmanager
    def used(self, modules: Iterable[nn.Module]) -> Iterator[None]:
        """Within it, calls of ``modules`` run what was compiled."""
        with ExitStack() as stack:
            for module in modules:
                if id(module) not in self._forwards:
                    self._forwards[id(module)] = torch.compile(module.forward)
                stack.enter_context(replaced(module, "forward", self._forwards[id(module)]))
            yield
