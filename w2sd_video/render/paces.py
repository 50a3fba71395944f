"""How fast this machine renders, remembered from one run to the next."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from filelock import FileLock

from w2sd_video.render.events import Result
from w2sd_video.render.jobs import Settings, batch_key
from w2sd_video.render.versions import versions

KEPT = 1000  # kinds of clips, the latest
SAMPLE = 200  # clips of each that a pace is taken from, the latest


@dataclass(frozen=True)
class Place:
    """Where clips are rendered: an engine's name, and how many workers it has, if that is known."""

    engine: str = "local"
    workers: int | None = 1

    def __str__(self) -> str:
        if self.workers is None:
            return self.engine
        return f"{self.engine}, {self.workers} worker{'s' if self.workers > 1 else ''}"


@dataclass(frozen=True)
class Pace:
    """What a clip of one kind takes. Seconds, bytes.

    Attributes:
        start: loading their model and fitting it, before the first.
        clip: from prompt to frames, its share of a batch.
        publish: writing its files and reading them back.
        size: of its files.
        memory: of a worker at the peak.
    """

    start: float
    clip: float
    publish: float
    size: int
    memory: int


def cache_folder() -> Path:
    """Where it is remembered; ``W2SD_CACHE`` names another place."""
    if given := os.environ.get("W2SD_CACHE"):
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "w2sd_video"


class Paces:
    """By kind of clip and by place, in one JSON file."""

    def __init__(self, folder: Path | None = None) -> None:
        self._file = (folder or cache_folder()) / "paces.json"
        self._known = self._read()

    def get(self, settings: Settings, place: Place) -> Pace | None:
        found = self._known.get(_key(settings, place))
        return Pace(**found) if found else None

    def put(self, paces: Iterable[tuple[Settings, Pace]], place: Place) -> None:
        """Remember; where that is not possible, a forecast is no reason to fail."""
        fresh = {_key(settings, place): asdict(pace) for settings, pace in paces}
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self._file.with_suffix(".lock"), timeout=5):
                known = {k: v for k, v in self._read().items() if k not in fresh} | fresh
                self._known = dict(list(known.items())[-KEPT:])
                part = self._file.with_suffix(f".{os.getpid()}.part")
                part.write_text(json.dumps(self._known, indent=1), "utf-8")
                os.replace(part, self._file)
        except (OSError, TimeoutError):
            self._known |= fresh

    def _read(self) -> dict[str, Any]:
        try:
            known = json.loads(self._file.read_text("utf-8"))
            for pace in known.values():
                Pace(**pace)
        except (OSError, ValueError, TypeError, AttributeError):  # lost, or of another version
            return {}
        return dict(known)


def _key(settings: Settings, place: Place) -> str:
    """All that a pace depends on but the machine, whose cache it is."""
    said = f"{batch_key(settings.config)}{versions()}{place}"
    return hashlib.sha256(said.encode()).hexdigest()[:20]


class Tally:
    """Takes paces from what becomes of jobs."""

    def __init__(self, place: Place) -> None:
        self._workers = place.workers or 1
        self._seen: dict[int, tuple[Settings, deque[Result]]] = {}  # by settings
        self._loading: dict[int, float] = defaultdict(float)
        self._begun: float | None = time.perf_counter()

    def started(self, settings: Settings) -> None:
        """A batch is taken up; before the first, libraries and processes had to be started."""
        if self._begun is not None:
            self._loading[id(settings)] += time.perf_counter() - self._begun
            self._begun = None

    def add(self, result: Result, settings: Settings) -> None:
        if result.path is None:
            return
        number = id(settings)
        self._seen.setdefault(number, (settings, deque(maxlen=SAMPLE)))[1].append(result)
        self._loading[number] += result.cost.seconds.get("load", 0.0) / self._workers

    def paces(self) -> Iterator[tuple[Settings, Pace]]:
        """Of all that was rendered; the median of each figure."""
        for number, (settings, results) in self._seen.items():
            costs = [result.cost for result in results]
            yield (
                settings,
                Pace(
                    start=self._loading[number],
                    clip=median(cost.rendering for cost in costs),
                    publish=median(cost.seconds.get("publish", 0.0) for cost in costs),
                    size=round(median(result.size for result in results)),
                    memory=max(cost.peak_memory for cost in costs),
                ),
            )
