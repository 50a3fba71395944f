"""The record of a folder: one row a job, in SQLite."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from w2sd_video.render.errors import InputError, RunError
from w2sd_video.render.jobs.events import Result
from w2sd_video.render.jobs.job import Job
from w2sd_video.render.record.schema import (
    SCHEMA_VERSION,
    atomically,
    migrate,
    settings_number,
    version,
)
from w2sd_video.render.settings.config import OWN
from w2sd_video.render.versions import versions

if TYPE_CHECKING:
    from w2sd_video.render.timing.forecast import Forecast


@dataclass(frozen=True)
class Entry:
    """What a resumed run asks of a job."""

    name: str
    state: str
    attempts: int
    size: int | None
    modified: int | None


class Ledger:
    """``DIR/ledger.sqlite``. Every method commits before it returns.

    Args:
        read_only: for those that only look; the file has to be there.

    Attributes:
        path: of the file.

    Raises:
        InputError: if the file is no ledger, or one of a newer version.
    """

    def __init__(self, path: Path, read_only: bool = False) -> None:
        self.path = path
        self._read_only = read_only
        try:
            if read_only:
                _roll_back(path)
            self._db = sqlite3.connect(
                _address(path, read_only), timeout=30, isolation_level=None, uri=True
            )
            self._db.row_factory = sqlite3.Row
            found = version(self._db)
            self._check()
            if found > SCHEMA_VERSION:
                raise InputError("was written by a newer version of w2sd_video", str(path))
            if not read_only:
                # A write-ahead log needs all who read it to be on one machine.
                alone = path.name.startswith("ledger-")
                self._db.execute(f"PRAGMA journal_mode = {'DELETE' if alone else 'WAL'}")
                self._db.execute("PRAGMA synchronous = NORMAL")
                if found < SCHEMA_VERSION:
                    migrate(self._db)
            elif found < SCHEMA_VERSION:
                raise InputError("is of an older version; render into its folder once", str(path))
        except sqlite3.Error as error:
            reason = " ".join(str(error).split())
            advice = "" if read_only else "; move it away, and clips that are whole are found again"
            raise InputError(f"can't be used as a ledger: {reason}{advice}", str(path)) from None
        self._at_first = self._db.total_changes

    def _check(self) -> None:
        """See that all of it can be read."""
        found = self._db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise sqlite3.DatabaseError(found)

    def add(self, jobs: Iterable[Job]) -> None:
        """Queue jobs; one that was here before keeps its row, but for its name and state."""
        numbers: dict[int, int] = {}  # by settings, which many jobs share

        def values(job: Job) -> tuple[Any, ...]:
            shared = id(job.settings)
            if shared not in numbers:
                text = job.settings.config.model_dump_json(exclude={*OWN})
                numbers[shared] = settings_number(self._db, text)
            own = job.own.model_dump_json()
            kept = job.id, job.pair, job.name, job.kind, job.prompt, job.seed, own
            return *kept, numbers[shared], time.time()

        with self._transaction():
            self._db.executemany(
                "INSERT INTO jobs (id, pair, name, kind, prompt, seed, own, settings, updated)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
                " name = excluded.name, own = excluded.own, settings = excluded.settings,"
                " state = 'queued', error = NULL",
                map(values, jobs),
            )

    def start(self, jobs: Iterable[Job]) -> None:
        """Mark jobs as running: one attempt more."""
        with self._transaction():
            self._db.executemany(
                "UPDATE jobs SET state = 'running', attempts = attempts + 1, updated = ?"
                " WHERE id = ?",
                ((time.time(), job.id) for job in jobs),
            )

    def ended(self, result: Result) -> None:
        """Record a published clip, which replaces any other job whose file it has taken; or why
        there is none."""
        job, cost = result.job, result.cost
        if result.path is None:
            values: dict[str, Any] = {"state": "failed", "error": result.error}
        else:
            size, modified = result.published or _as_it_is(result.path)
            values = {
                "state": "done",
                "error": None,
                "evaluations": cost.evaluations,
                "seconds": cost.rendering,
                "phases": json.dumps(cost.seconds),
                "peak_memory": cost.peak_memory,
                "plan": cost.plan,
                "device": cost.device,
                "guidance": cost.guidance,
                "versions": json.dumps(result.versions or versions()),
                "size": size,
                "modified": modified,
            }
        values["updated"] = time.time()
        columns = ", ".join(f"{column} = ?" for column in values)
        with self._transaction():
            if result.path is not None:
                self._replace(job.name, job.id)
            self._db.execute(f"UPDATE jobs SET {columns} WHERE id = ?", (*values.values(), job.id))

    def seen(self, job: Job, path: Path) -> None:
        """Record a file's size and time anew: it was looked at, and is whole."""
        with self._transaction():
            self._db.execute(
                "UPDATE jobs SET size = ?, modified = ? WHERE id = ?", (*_as_it_is(path), job.id)
            )

    def renamed(self, jobs: Iterable[Job], aside: Mapping[str, str]) -> None:
        """Record that clips were moved to the names that their jobs have now.

        Args:
            aside: of clips whose names these took, the new name by the job's id.
        """
        with self._transaction():
            moved = list(jobs)
            self._db.executemany(
                "UPDATE jobs SET name = ?, updated = ? WHERE id = ?",
                ((name, time.time(), job_id) for job_id, name in aside.items()),
            )
            self._db.executemany(
                "UPDATE jobs SET name = ?, own = ?, updated = ? WHERE id = ?",
                ((job.name, job.own.model_dump_json(), time.time(), job.id) for job in moved),
            )
            for job in moved:  # all have their names now, so what else has one is replaced
                self._replace(job.name, job.id)

    def stopped(self, jobs: Iterable[Job]) -> None:
        """Put jobs that were running back into the queue."""
        with self._transaction():
            self._db.executemany(
                "UPDATE jobs SET state = 'queued' WHERE id = ? AND state = 'running'",
                ((job.id,) for job in jobs),
            )

    def begin(self, place: str, clips: int, expected: Forecast | None) -> int:
        """Record that a run begins, and what it is going to take; returns its number."""
        told = (None,) * 3 if expected is None else _sizes(expected)
        with self._transaction():
            row = self._db.execute(
                "INSERT INTO runs (began, place, clips, expected_seconds, expected_size,"
                " expected_memory) VALUES (?, ?, ?, ?, ?, ?)",
                (time.time(), place, clips, *told),
            )
        return int(row.lastrowid or 0)

    def finish(
        self, number: int, rendered: int, failed: int, evaluations: int, taken: Forecast
    ) -> None:
        """Record what a run has come to, and what it took."""
        with self._transaction():
            self._db.execute(
                "UPDATE runs SET rendered = ?, failed = ?, evaluations = ?, seconds = ?, size = ?,"
                " memory = ? WHERE number = ?",
                (rendered, failed, evaluations, *_sizes(taken), number),
            )

    def runs(self) -> list[dict[str, Any]]:
        """Every run, oldest first."""
        return [dict(row) for row in self._db.execute("SELECT * FROM runs ORDER BY began")]

    def absorb(self, others: Iterable[Path]) -> None:
        """Take over all rows of other ledgers, and remove them.

        Of a job, or of a name that two finished ones have, what is done counts, then what is
        newest: clocks are not to be trusted.
        """
        files = list(others)
        rows: list[tuple[dict[str, Any], str]] = []
        runs: list[dict[str, Any]] = []
        for file in files:
            with Ledger(file) as theirs:
                runs += theirs.runs()
                query = "SELECT jobs.*, json FROM jobs JOIN settings ON settings = number"
                for row in theirs._db.execute(query):
                    values = dict(row)
                    rows.append((values, values.pop("json")))
        rows.sort(key=lambda row: (row[0]["state"] == "done", row[0]["updated"]))
        with self._transaction():
            for values, settings in rows:
                done = values["state"] == "done"
                known = self._db.execute(
                    "SELECT 1 FROM jobs WHERE (state = 'done', updated) > (?, ?)"
                    " AND (id = ? OR (? AND name = ? AND state = 'done'))",
                    (done, values["updated"], values["id"], done, values["name"]),
                )
                if known.fetchone():
                    continue
                values["settings"] = settings_number(self._db, settings)
                if done:
                    self._replace(values["name"], values["id"])
                columns, marks = ", ".join(values), ", ".join("?" * len(values))
                self._db.execute(
                    f"INSERT OR REPLACE INTO jobs ({columns}) VALUES ({marks})",
                    tuple(values.values()),
                )
            for run in runs:
                del run["number"]
                same = "SELECT 1 FROM runs WHERE began = ? AND place = ?"
                if self._db.execute(same, (run["began"], run["place"])).fetchone():
                    continue  # killed when it had been taken over, and its file was still there
                columns, marks = ", ".join(run), ", ".join("?" * len(run))
                self._db.execute(
                    f"INSERT INTO runs ({columns}) VALUES ({marks})", tuple(run.values())
                )
        for file in files:
            with suppress(OSError):  # of another user: it is taken over again, to no effect
                file.unlink()

    def rows(self, state: str | None = None) -> Iterator[dict[str, Any]]:
        """Every job, or those in one state, oldest first; JSON columns are read."""
        where = " WHERE state = ?" if state else ""
        query = f"SELECT * FROM jobs{where} ORDER BY rowid"
        shared: dict[int, Any] = {}
        for row in self._db.execute(query, (state,) if state else ()):
            yield self._read(row, shared)

    def entries(self) -> dict[str, Entry]:
        """Every job by its id, in brief."""
        query = "SELECT id, name, state, attempts, size, modified FROM jobs"
        return {row[0]: Entry(*row[1:]) for row in self._db.execute(query)}

    @property
    def changed(self) -> bool:
        """Whether anything was written into it since it was opened."""
        return self._db.total_changes > self._at_first

    def newest(self) -> int:
        """When the last file was published, in nanoseconds since 1970; 0 if none was."""
        found: int | None = self._db.execute("SELECT max(modified) FROM jobs").fetchone()[0]
        return found or 0

    def get(self, job_id: str) -> dict[str, Any] | None:
        """One job's row."""
        row = self._db.execute("SELECT * FROM jobs WHERE id = ?", (job_id,)).fetchone()
        return self._read(row, {}) if row else None

    def _read(self, row: sqlite3.Row, shared: dict[int, Any]) -> dict[str, Any]:
        values = dict(row)
        number = values.pop("settings")
        if number not in shared:
            query = "SELECT json FROM settings WHERE number = ?"
            shared[number] = json.loads(self._db.execute(query, (number,)).fetchone()[0])
        values["config"] = shared[number] | json.loads(values.pop("own"))
        for column in ("versions", "phases"):
            values[column] = json.loads(values[column]) if values[column] else None
        return values

    def _replace(self, name: str, job_id: str) -> None:
        """A file is this job's now."""
        self._db.execute("DELETE FROM jobs WHERE name = ? AND id <> ?", (name, job_id))

    def close(self) -> None:
        """Let go of it, and leave one file that can be read where nothing can be written.

        While others read it the log stays, and the next to write takes care of that.
        """
        if not self._read_only:
            with suppress(sqlite3.Error):
                self._db.execute("PRAGMA busy_timeout = 0")
                self._db.execute("PRAGMA journal_mode = DELETE")
        self._db.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All or nothing; what the disk refuses ends the run."""
        try:
            with atomically(self._db):
                yield
        except sqlite3.Error as error:
            if type(error) in (sqlite3.OperationalError, sqlite3.DatabaseError):
                raise RunError(f"{self.path}: {error}") from error
            raise


def _address(path: Path, read_only: bool) -> str:
    """How to open a ledger.

    To read one that was left with a write-ahead log, SQLite makes files beside it. Where it can't,
    and there is no log to read, the file alone is the ledger, and nobody is writing into it.
    """
    mode = "mode=ro" if read_only else "mode=rwc"
    if read_only and not os.access(path.parent, os.W_OK) and _has_idle_log(path):
        mode += "&immutable=1"
    return f"{path.absolute().as_uri()}?{mode}"


def _roll_back(path: Path) -> None:
    """Undo what a process that was killed had begun to write, which takes the right to write.

    While one is writing, SQLite's own locks keep this from being more than a look.
    """
    if path.with_name(f"{path.name}-journal").exists() and os.access(path.parent, os.W_OK):
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", 30, uri=True)) as db:
            db.execute("SELECT count(*) FROM sqlite_master").fetchone()


def _has_idle_log(path: Path) -> bool:
    """Whether a file asks for a write-ahead log, and has none."""
    with suppress(OSError), path.open("rb") as file:
        file.seek(18)  # the versions of the format that are needed to write and to read it
        return file.read(2) == b"\2\2" and not path.with_name(f"{path.name}-wal").exists()
    return False


def _as_it_is(path: Path) -> tuple[int, int]:
    """Size and time of a file."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _sizes(forecast: Forecast) -> tuple[float, int, int]:
    """What has columns of its own."""
    return forecast.seconds, forecast.size, forecast.memory
