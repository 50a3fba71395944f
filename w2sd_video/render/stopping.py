"""Ctrl-C ends a run after the step under way; a second one at once.

So does SIGTERM, which schedulers send before they take a machine away.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from w2sd_video.render.engines import STOPS


@contextmanager
def stoppable(say: Callable[[str], None]) -> Iterator[Callable[[], None]]:
    """Within it, the first Ctrl-C or SIGTERM is only noted, and told of by ``say``.

    Yields what to call after every step: it raises KeyboardInterrupt if one was noted.
    """
    asked = False

    def on_signal(*_: Any) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        with suppress(RuntimeError):  # in the middle of another line
            say("stopping after this step; once more to stop at once")

    def check() -> None:
        if asked:
            raise KeyboardInterrupt

    before = {number: signal.signal(number, on_signal) for number in STOPS}
    try:
        yield check
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
