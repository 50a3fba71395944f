"""How fast this machine renders, remembered from one run to the next."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import time
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from statistics import median
from typing import Any

from filelock import FileLock

from w2sd_video.render.engines import Place
from w2sd_video.render.errors import RunError
from w2sd_video.render.files.atomic import write_whole
from w2sd_video.render.jobs.events import Result
from w2sd_video.render.jobs.identity import canonical, model_key
from w2sd_video.render.jobs.job import Settings
from w2sd_video.render.media import inputs
from w2sd_video.render.settings.config import OWN
from w2sd_video.render.versions import versions

KEPT = 1000  # kinds of clips, the latest
SAMPLE = 200  # clips of each that a pace is taken from, the latest


@dataclass(frozen=True)
class Pace:
    """What a clip of one kind takes. Seconds, bytes.

    Attributes:
        clip: from prompt to frames, its share of a batch.
        publish: writing its files and reading them back.
        size: of its files.
        memory: of a worker at the peak.
        plan: how it was made to fit (see ``memory/plan.py``).
    """

    clip: float
    publish: float
    size: int
    memory: int
    plan: str


@lru_cache(maxsize=100_000)
def kind(settings: Settings) -> str:
    """What decides how long a clip takes: two clips of one kind take the same."""
    config = settings.config
    if settings.cost is None:
        return canonical(config.model_dump(mode="json", exclude={*OWN}))
    passing = {"guidance_scale", "negative_prompt", "scheduler", "fps", "retries"}
    said = config.model_dump(mode="json", exclude={*OWN, *inputs.KEYS, *passing})
    if reflection := said["reflection"]:
        for side in ("strong", "weak"):
            given = reflection[side]
            reflection[side] = [given["denoiser"], given["adapters"], given["experts"]]
        for passed in ("gap", "steps"):
            del reflection[passed]
    return canonical([said, settings.cost])


class Paces:
    """By kind of clip, machine and place, in one JSON file; and how long it takes to begin."""

    def __init__(self, folder: Path | None = None) -> None:
        self._file = (folder or cache_folder()) / "paces.json"
        self._known = self._read()

    def get(self, settings: Settings, place: Place) -> Pace | None:
        found = self._known["clips"].get(_key(kind(settings), place))
        return Pace(**found) if found else None

    def loading(self, settings: Settings, place: Place) -> float:
        """Seconds until a model is loaded and fitted, 0 if it never was."""
        return float(self._known["loading"].get(_key(model_key(settings.config.model), place), 0.0))

    def opening(self, place: Place) -> float:
        """Seconds until libraries and workers are there."""
        return float(self._known["opening"].get(_key("", place), 0.0))

    def put(self, tally: Tally, place: Place) -> None:
        """Remember; where that is not possible, a forecast is no reason to fail."""
        clips = {_key(name, place): asdict(pace) for name, pace in tally.paces()}
        loading = {_key(name, place): seconds for name, seconds in tally.loading.items()}
        opening = {} if tally.opening is None else {_key("", place): tally.opening}
        fresh: dict[str, dict[str, Any]] = {"clips": clips, "loading": loading, "opening": opening}
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self._file.with_suffix(".lock"), timeout=5):
                self._known = self._read()
                self._add(fresh)
                write_whole(self._file, json.dumps(self._known, indent=1))
        except (OSError, RunError):  # of which a time-out is one
            self._add(fresh)

    def _add(self, fresh: dict[str, dict[str, Any]]) -> None:
        for what, values in fresh.items():
            kept = {k: v for k, v in self._known[what].items() if k not in values} | values
            self._known[what] = dict(list(kept.items())[-KEPT:])

    def _read(self) -> dict[str, dict[str, Any]]:
        try:
            known = json.loads(self._file.read_text("utf-8"))
            for pace in known["clips"].values():
                Pace(**pace)
            return {what: dict(known[what]) for what in ("clips", "loading", "opening")}
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return {"clips": {}, "loading": {}, "opening": {}}  # lost, or of another version


def cache_folder() -> Path:
    """Where it is remembered; ``W2SD_CACHE`` names another place."""
    if given := os.environ.get("W2SD_CACHE"):
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "w2sd_video"


def _key(name: str, place: Place) -> str:
    """Homes are shared by machines, so the machine is part of it."""
    said = f"{name}|{place}|{platform.node()}|{versions()}"
    return hashlib.sha256(said.encode()).hexdigest()[:20]


class Tally:
    """Takes paces from what becomes of jobs.

    Attributes:
        opening: seconds until the first batch was taken up; None before.
        loading: seconds that each model took to be loaded and fitted, by ``model_key``.
    """

    def __init__(self, place: Place) -> None:
        self._workers = place.workers or 1
        self._begun = time.perf_counter()
        self._seen: dict[str, deque[Result]] = defaultdict(lambda: deque(maxlen=SAMPLE))
        self.opening: float | None = None
        self.loading: dict[str, float] = defaultdict(float)

    def started(self) -> None:
        """A batch is taken up."""
        if self.opening is None:
            self.opening = time.perf_counter() - self._begun

    def add(self, result: Result, settings: Settings) -> None:
        if result.path is None:
            return
        loading = result.cost.seconds.get("load", 0.0)
        self.loading[model_key(settings.config.model)] += loading / self._workers
        self._seen[kind(settings)].append(result)

    def paces(self) -> Iterator[tuple[str, Pace]]:
        """Of each kind that was rendered; the median of each figure."""
        for name, results in self._seen.items():
            costs = [result.cost for result in results]
            pace = Pace(
                clip=median(cost.rendering for cost in costs),
                publish=median(cost.seconds.get("publish", 0.0) for cost in costs),
                size=round(median(result.size for result in results)),
                memory=max(cost.peak_memory for cost in costs),
                plan=costs[-1].plan,  # the one that was lean enough
            )
            yield name, pace
