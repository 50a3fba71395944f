"""The errors that a user is meant to see, and the search for the name they meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

# Exit codes of the command line.
OK, SOME_FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


class InputError(Exception):
    """Something the user gave can't be used: one line naming file, line and key.

    The command line prints it alone and exits with code 2.
    """

    def __init__(
        self, message: str, file: str | None = None, line: int | None = None, key: str = ""
    ) -> None:
        self.message, self.key = message, key
        place = f"{file}:{line}" if file and line else file
        text = ": ".join(part for part in (place, key, message) if part)
        super().__init__(" ".join(text.split()))


class RunError(Exception):
    """A run can't go on, for no fault of a clip: the disk is full, or the cluster has gone.

    It ends, and what is left stays in the queue.
    """


def did_you_mean(name: str, valid: Iterable[str]) -> str:
    """``", did you mean 'x'?"`` for the nearest valid name, or nothing."""
    names = {v.lower(): v for v in valid}
    near = get_close_matches(name.lower(), names, n=1)
    return f", did you mean '{names[near[0]]}'?" if near else ""
