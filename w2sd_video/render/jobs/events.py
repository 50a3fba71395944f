"""What happens to jobs while they are rendered, told by whoever renders to whoever records."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from w2sd_video.render.jobs.job import Job


@dataclass(frozen=True)
class Started:
    """Jobs are taken up together: one attempt more of each."""

    jobs: list[Job]


@dataclass(frozen=True)
class Step:
    """How far a batch has come. ``done`` is 0 when it starts."""

    jobs: list[Job]
    done: int
    total: int
    evaluations: int


@dataclass(frozen=True)
class Cost:
    """What one clip took.

    Attributes:
        evaluations: denoiser samples.
        seconds: by phase, see ``PHASES``; its share of what its batch took.
        peak_memory: bytes, of the accelerator if there is one and else of the process.
        plan: how it was made to fit.
        device: what it was rendered on.
        guidance: the effective guidance of a reflected clip, a mean over its steps; None where
            it can't be told (see ``core/effective.py``).
    """

    evaluations: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    peak_memory: int = 0
    plan: str = ""
    device: str = ""
    guidance: float | None = None

    @property
    def rendering(self) -> float:
        """Seconds from prompt to frames."""
        return sum(self.seconds.get(phase, 0.0) for phase in ("encode", "denoise", "decode"))


# Loading the model and fitting it into memory; the prompt, if it was not encoded before; the
# steps; the frames; writing the files and reading them back, while the next batch is rendered.
PHASES = ("load", "encode", "denoise", "decode", "publish")


@dataclass(frozen=True)
class Result:
    """What became of a job: ``path`` of its video or image, or ``error``.

    ``size`` is that of all its files, in bytes; ``published`` are size and time (nanoseconds since
    1970) of the one at ``path``, as whoever wrote it saw them. ``versions`` are those it was made
    with, if they are not the ones here.
    """

    job: Job
    path: Path | None = None
    error: str | None = None
    size: int = 0
    published: tuple[int, int] | None = None
    cost: Cost = Cost()
    versions: dict[str, str] | None = None
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Stopped:
    """Jobs that were taken up go back into the queue."""

    jobs: list[Job]


Event = Started | Step | Result | Stopped
Tell = Callable[[Event], None]
