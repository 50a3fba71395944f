"""What a call patches is nobody else's: a module takes part in the calls of one thread.

``from_pipe`` makes pipelines that share their modules.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakKeyDictionary

from torch import nn

# Of each module in a call: whose thread that is, and how many calls are in each other.
_calls: WeakKeyDictionary[nn.Module, tuple[int, int]] = WeakKeyDictionary()
_lock = threading.Lock()


@contextmanager
def taken(module: nn.Module) -> Iterator[None]:
    """Within it no other thread can take this module; the same one can, in a callback.

    Raises:
        RuntimeError: if another one has it.
    """
    _change(module, 1)
    try:
        yield
    finally:
        _change(module, -1)


def _change(module: nn.Module, by: int) -> None:
    thread = threading.get_ident()
    with _lock:
        owner, depth = _calls.get(module, (thread, 0))
        if owner != thread:
            raise RuntimeError(
                f"another thread's call is using this {type(module).__name__}; give each thread a "
                f"pipeline with modules of its own (from_pipe shares them)"
            )
        if depth + by:
            _calls[module] = owner, depth + by
        else:
            del _calls[module]
