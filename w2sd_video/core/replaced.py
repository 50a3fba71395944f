"""Putting something in the place of an attribute for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def replaced(thing: Any, name: str, value: Any) -> Iterator[None]:
    """Within it, ``thing.name`` is ``value``; afterwards it is what it was.

    Only the instance is touched, and not through its ``__setattr__``: a pipeline would write
    the value into its config, a module would register it as a part.
    """
    state = vars(thing)
    before = {name: state[name]} if name in state else {}
    state[name] = value
    try:
        yield
    finally:
        del state[name]
        state.update(before)
