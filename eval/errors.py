"""What can go wrong with an evaluation, each with an exit code of its own.

The command line's own are 0 (all scored), 1 (but for images that can't be read), 2 (bad input) and
130 (interrupted; what was scored is kept). Where several dimensions fail, the first one's code is
the command's.
"""

from __future__ import annotations

from w2sd_video.render.errors import RunError

NOT_THERE, CRASHED, UNUSABLE, TIMED_OUT = 3, 4, 5, 6


class EvaluationError(RunError):
    """A dimension could not be scored."""

    code = CRASHED


class NotThere(EvaluationError):
    """Weights, or what only the isolated environment has, are missing."""

    code = NOT_THERE


class Crashed(EvaluationError):
    """The runner ended without a result."""

    code = CRASHED


class Unusable(EvaluationError):
    """The runner's result is broken, or not what was asked for."""

    code = UNUSABLE


class TimedOut(EvaluationError):
    """The runner showed no sign of life for too long, and was ended."""

    code = TIMED_OUT
