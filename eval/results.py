"""``DIR/eval.sqlite``: what every metric says of every clip, kept as it comes.

A score belongs to a file's content, not to its name: a clip that is rendered anew has none, and
one that is the same keeps its own.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from w2sd_video.render.errors import InputError

SCHEMA_VERSION = 1
# Before the content of a clip that VBench has left out, in place of a score: no clip has this key,
# so that who looks for scores finds none.
LEFT_OUT = "left out:"
SCHEMA = """
CREATE TABLE scores (
    -- SHA-256 of the file; "set:" and that of all of them for a set; "left out:" and that of a
    -- clip that VBench gives no value
    clip    TEXT NOT NULL,
    metric  TEXT NOT NULL,   -- a VBench dimension, or another metric's name
    source  TEXT NOT NULL,   -- who says so, with its version: "vbench 0.1.5", "shapes 1"
    value   REAL NOT NULL,
    scored  REAL NOT NULL,   -- or kept when asked for again; seconds since 1970
    PRIMARY KEY (clip, metric, source)
) WITHOUT ROWID;
"""


def of_prompt(source: str, prompt: str) -> str:
    """The source of a score that depends on a prompt which the file's content does not hold: a
    file that is known by its name only may be given another one."""
    return f"{source} of prompt {hashlib.sha256(prompt.encode()).hexdigest()[:16]}"


@dataclass(frozen=True)
class Score:
    """What one metric says of one clip."""

    clip: str
    metric: str
    source: str
    value: float


class Results:
    """The scores of a folder's clips. Every method commits before it returns.

    Args:
        folder: of the clips.
        read_only: for those that only look; a folder without scores then has none.

    Raises:
        InputError: if the file is not one of ours, or of a newer version.
    """

    def __init__(self, folder: Path, read_only: bool = False) -> None:
        self.path = folder / "eval.sqlite"
        there = self.path.exists()
        address = ":memory:" if read_only and not there else str(self.path)
        try:
            self._db = sqlite3.connect(address, timeout=30, isolation_level=None)
            version = int(self._db.execute("PRAGMA user_version").fetchone()[0])
            if version == 0:
                self._db.executescript(f"BEGIN; {SCHEMA} PRAGMA user_version = 1; COMMIT;")
        except sqlite3.Error as error:
            raise InputError(
                f"can't be read as scores: {error}; move it away to score anew", str(self.path)
            ) from None
        if version > SCHEMA_VERSION:
            raise InputError("was written by a newer version of w2sd_video", str(self.path))

    def add(self, scores: Iterable[Score]) -> None:
        """Keep scores; a newer one of the same clip, metric and source takes the older's place."""
        now = time.time()
        rows = [(s.clip, s.metric, s.source, float(s.value), now) for s in scores]
        self._db.execute("BEGIN IMMEDIATE")
        self._db.executemany("INSERT OR REPLACE INTO scores VALUES (?, ?, ?, ?, ?)", rows)
        self._db.execute("COMMIT")

    def of(self, metric: str, source: str) -> dict[str, float]:
        """Values by clip."""
        query = "SELECT clip, value FROM scores WHERE metric = ? AND source = ?"
        return dict(self._db.execute(query, (metric, source)))

    def of_metric(self, metric: str) -> dict[tuple[str, str], float]:
        """Values by clip and source, the one that was asked last at the end: for many sources,
        since ``of`` looks through all each time."""
        query = "SELECT clip, source, value FROM scores WHERE metric = ? ORDER BY scored"
        return {(clip, source): value for clip, source, value in self._db.execute(query, (metric,))}

    def renew(self, metric: str, keys: Iterable[tuple[str, str]]) -> None:
        """Take kept scores, by clip and source, for the latest: they were asked for again."""
        now = time.time()
        rows = [(now, clip, metric, source) for clip, source in keys]
        query = "UPDATE scores SET scored = ? WHERE clip = ? AND metric = ? AND source = ?"
        self._db.execute("BEGIN IMMEDIATE")
        self._db.executemany(query, rows)
        self._db.execute("COMMIT")

    def latest(self) -> dict[str, dict[str, Score]]:
        """Scores by clip and metric; of several sources the one that was asked last, and none if
        that has left the clip out."""
        found: dict[str, dict[str, Score]] = {}
        query = "SELECT clip, metric, source, value FROM scores ORDER BY scored"
        for row in self._db.execute(query):
            score = Score(*row)
            if score.clip.startswith(LEFT_OUT):
                found.get(score.clip.removeprefix(LEFT_OUT), {}).pop(score.metric, None)
            else:
                found.setdefault(score.clip, {})[score.metric] = score
        return found

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Results:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def digest(file: Path) -> str:
    """The SHA-256 of a file's content, as ``scores.clip`` has it."""
    found = hashlib.sha256()  # hashlib.file_digest needs Python 3.11
    with file.open("rb") as stream:
        while part := stream.read(1 << 20):
            found.update(part)
    return found.hexdigest()


def scores_of(files: Mapping[str, Path], folder: Path) -> dict[str, dict[str, Score]]:
    """By name of a clip and metric, what is known of these files as they are now."""
    with Results(folder, read_only=True) as results:
        found = results.latest()
    if not found:
        return {name: {} for name in files}
    return {name: found.get(digest(file), {}) for name, file in files.items()}
