"""The record of a folder: one row a job, in SQLite."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from w2sd_video.render.errors import InputError
from w2sd_video.render.jobs import Job

SCHEMA_VERSION = 1
SCHEMA = """
CREATE TABLE jobs (
    id          TEXT PRIMARY KEY,            -- sha256, see jobs.identity
    pair        TEXT NOT NULL,               -- id of the plain clip from the same noise
    name        TEXT NOT NULL,               -- the clip is clips/NAME.mp4
    kind        TEXT NOT NULL,               -- plain, reflected
    prompt      TEXT NOT NULL,
    seed        INTEGER NOT NULL,
    config      TEXT NOT NULL,               -- resolved, JSON
    state       TEXT NOT NULL DEFAULT 'queued',  -- queued, running, done, failed
    attempts    INTEGER NOT NULL DEFAULT 0,
    evaluations INTEGER,                     -- denoiser samples
    seconds     REAL,                        -- denoising and decoding, its share of a batch
    peak_memory INTEGER,                     -- bytes
    versions    TEXT,                        -- JSON
    error       TEXT,
    updated     REAL NOT NULL                -- seconds since 1970
);
CREATE INDEX jobs_by_name ON jobs (name);
CREATE INDEX jobs_by_state ON jobs (state);
"""


class Ledger:
    """``DIR/ledger.sqlite``. Every method commits before it returns.

    Raises:
        InputError: if the file is no ledger, or one of a newer version.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._db = sqlite3.connect(path, timeout=30, isolation_level=None)
            self._db.row_factory = sqlite3.Row
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            if version == 0:
                self._db.executescript(
                    f"BEGIN; {SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT"
                )
        except sqlite3.Error as error:
            raise InputError(f"can't be used as a ledger: {error}", str(path)) from None
        if version > SCHEMA_VERSION:
            raise InputError("was written by a newer version of w2sd_video", str(path))

    def add(self, jobs: Iterable[Job]) -> None:
        """Queue jobs; one that was here before keeps its row, but for its name and state."""
        with self._transaction():
            self._db.executemany(
                "INSERT INTO jobs (id, pair, name, kind, prompt, seed, config, updated)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
                " name = excluded.name, config = excluded.config, state = 'queued', error = NULL",
                map(_values, jobs),
            )

    def start(self, jobs: Iterable[Job]) -> None:
        """Mark jobs as running: one attempt more."""
        with self._transaction():
            self._db.executemany(
                "UPDATE jobs SET state = 'running', attempts = attempts + 1, updated = ?"
                " WHERE id = ?",
                ((time.time(), job.id) for job in jobs),
            )

    def done(
        self,
        job: Job,
        evaluations: int,
        seconds: float,
        peak_memory: int,
        versions: dict[str, str],
    ) -> None:
        """Record a published clip; it replaces any other job whose file it has taken."""
        with self._transaction():
            self._db.execute("DELETE FROM jobs WHERE name = ? AND id <> ?", (job.name, job.id))
            self._db.execute(
                "UPDATE jobs SET state = 'done', evaluations = ?, seconds = ?, peak_memory = ?,"
                " versions = ?, error = NULL, updated = ? WHERE id = ?",
                (evaluations, seconds, peak_memory, json.dumps(versions), time.time(), job.id),
            )

    def failed(self, job: Job, error: str) -> None:
        """Record why a job has no clip."""
        with self._transaction():
            self._db.execute(
                "UPDATE jobs SET state = 'failed', error = ?, updated = ? WHERE id = ?",
                (error, time.time(), job.id),
            )

    def stopped(self, jobs: Iterable[Job]) -> None:
        """Put jobs that were running back into the queue."""
        with self._transaction():
            self._db.executemany(
                "UPDATE jobs SET state = 'queued' WHERE id = ? AND state = 'running'",
                ((job.id,) for job in jobs),
            )

    def rows(self, state: str | None = None) -> Iterator[dict[str, Any]]:
        """Every job, or those in one state, oldest first; JSON columns are read."""
        where = " WHERE state = ?" if state else ""
        query = f"SELECT * FROM jobs{where} ORDER BY rowid"
        for row in self._db.execute(query, (state,) if state else ()):
            yield _read(row)

    def get(self, job_id: str) -> dict[str, Any] | None:
        """One job's row."""
        row = self._db.execute("SELECT * FROM jobs WHERE id = ?", (job_id,)).fetchone()
        return _read(row) if row else None

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """BEGIN IMMEDIATE … COMMIT: the write lock comes first, so that it is waited for."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")


def _values(job: Job) -> tuple[Any, ...]:
    config = job.config.model_dump_json()
    return job.id, job.pair, job.name, job.kind, job.prompt, job.seed, config, time.time()


def _read(row: sqlite3.Row) -> dict[str, Any]:
    values = dict(row)
    for key in ("config", "versions"):
        values[key] = json.loads(values[key]) if values[key] else None
    return values
