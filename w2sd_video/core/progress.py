"""The pipeline's progress bar, by sampler steps instead of denoiser calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any


class StepBar:
    """Stands in for ``bar``; what a pipeline counts goes to ``count``, one by one."""

    def __init__(self, bar: Any, count: Callable[[], None]) -> None:
        self._bar, self._count = bar, count

    def __enter__(self) -> StepBar:
        self._bar.__enter__()
        return self

    def __exit__(self, *error: Any) -> Any:
        return self._bar.__exit__(*error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bar, name)

    def update(self, n: int = 1) -> None:
        for _ in range(n):
            self._count()

    def over(self, iterable: Iterable[Any]) -> Iterator[Any]:
        with self:
            for thing in iterable:
                yield thing
                self.update()
