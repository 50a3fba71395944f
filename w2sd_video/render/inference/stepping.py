"""How far a pipeline's call is, told after every step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from w2sd_video.core.pipeline import Run


def after_step(tell: Callable[[int], None]) -> Callable[..., dict[str, Any]]:
    """The callback that diffusers calls after every step."""

    def told(_: Any, index: int, __: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
        tell(index + 1)
        return kwargs

    return told


@contextmanager
def watched(pipe: Any, run: Run, tell: Callable[[int], None]) -> Iterator[None]:
    """For pipelines without a callback: when the denoiser is called, all steps before are done."""
    told = 0

    def before_call(*_: Any) -> None:
        nonlocal told
        if run.steps > told:
            told = run.steps
            tell(told)

    with pipe.transformer.register_forward_pre_hook(before_call):
        yield
    tell(run.steps)
