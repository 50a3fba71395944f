"""The ledger's tables, and how those of older versions become them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from w2sd_video.render.settings.config import OWN

# What many jobs share is stored once; a row has what is its own.
SCHEMA = """
CREATE TABLE settings (
    number INTEGER PRIMARY KEY,
    json   TEXT NOT NULL UNIQUE              -- resolved, but for what is a job's own
);
CREATE TABLE jobs (
    id          TEXT PRIMARY KEY,            -- sha256, see jobs.identity
    pair        TEXT NOT NULL,               -- id of the plain clip from the same noise
    name        TEXT NOT NULL,               -- the clip is clips/NAME.mp4
    kind        TEXT NOT NULL,               -- plain, reflected
    prompt      TEXT NOT NULL,
    seed        INTEGER NOT NULL,
    own         TEXT NOT NULL,               -- JSON
    settings    INTEGER NOT NULL REFERENCES settings (number),
    state       TEXT NOT NULL DEFAULT 'queued',  -- queued, running, done, failed
    attempts    INTEGER NOT NULL DEFAULT 0,
    evaluations INTEGER,                     -- denoiser samples
    seconds     REAL,                        -- from prompt to frames, its share of a batch
    phases      TEXT,                        -- seconds of each, see events.PHASES; JSON
    peak_memory INTEGER,                     -- bytes
    plan        TEXT,                        -- how it was made to fit
    device      TEXT,
    guidance    REAL,                        -- effective, of a reflected clip
    versions    TEXT,                        -- JSON
    size        INTEGER,                     -- of the MP4 or PNG as it was published, bytes
    modified    INTEGER,                     -- likewise, nanoseconds since 1970
    error       TEXT,
    updated     REAL NOT NULL                -- seconds since 1970
);
CREATE INDEX jobs_by_name ON jobs (name);
CREATE INDEX jobs_by_state ON jobs (state);
"""
RUNS = """
CREATE TABLE runs (
    number           INTEGER PRIMARY KEY,
    began            REAL NOT NULL,          -- seconds since 1970
    place            TEXT NOT NULL,          -- engine and workers
    clips            INTEGER NOT NULL,       -- to render
    expected_seconds REAL,                   -- as was forecast, if it could be
    expected_size    INTEGER,                -- bytes of files
    expected_memory  INTEGER,                -- bytes at the peak
    rendered         INTEGER,                -- from here on as it was, once the run has ended
    failed           INTEGER,
    evaluations      INTEGER,
    seconds          REAL,
    size             INTEGER,
    memory           INTEGER
);
"""


def _from_1(db: sqlite3.Connection) -> None:
    """Version 1 had the whole configuration in every row, and other identities.

    So its rows are kept to be looked at, and their clips are rendered again.
    """
    db.execute("ALTER TABLE jobs RENAME TO old")
    for index in ("jobs_by_name", "jobs_by_state"):
        db.execute(f"DROP INDEX {index}")
    _execute(db, SCHEMA + RUNS)
    for row in db.execute("SELECT * FROM old ORDER BY rowid"):
        old = dict(row)
        config = json.loads(old.pop("config"))
        own = {name: config.pop(name, None) for name in OWN}
        old["own"] = json.dumps(own, ensure_ascii=False)
        old["settings"] = settings_number(db, json.dumps(config, ensure_ascii=False))
        marks = ", ".join("?" * len(old))
        db.execute(f"INSERT INTO jobs ({', '.join(old)}) VALUES ({marks})", tuple(old.values()))
    db.execute("DROP TABLE old")


def _from_2(db: sqlite3.Connection) -> None:
    """Version 2 did not know phases, plan, device and runs."""
    for column in ("phases", "plan", "device"):
        db.execute(f"ALTER TABLE jobs ADD COLUMN {column} TEXT")
    _execute(db, RUNS)
    _from_3(db)


def _from_3(db: sqlite3.Connection) -> None:
    """Version 3 did not know effective guidance."""
    db.execute("ALTER TABLE jobs ADD COLUMN guidance REAL")


# From each older version to this one.
MIGRATIONS: dict[int, Callable[[sqlite3.Connection], None]] = {
    0: lambda db: _execute(db, SCHEMA + RUNS),  # an empty file
    1: _from_1,
    2: _from_2,
    3: _from_3,
}
SCHEMA_VERSION = 4


def version(db: sqlite3.Connection) -> int:
    """The version that a ledger is of; 0 of an empty file."""
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def migrate(db: sqlite3.Connection) -> None:
    """Bring a ledger to this version, if it is older."""
    with atomically(db):
        found = version(db)  # as it is now that no other process can change it
        if found < SCHEMA_VERSION:
            MIGRATIONS[found](db)
            db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


@contextmanager
def atomically(db: sqlite3.Connection) -> Iterator[None]:
    """BEGIN IMMEDIATE … COMMIT: the write lock comes first, so that it is waited for."""
    try:
        db.execute("BEGIN IMMEDIATE")
        yield
        db.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            db.execute("ROLLBACK")
        raise


def settings_number(db: sqlite3.Connection, settings: str) -> int:
    """Where these settings are stored; now, if they were not."""
    db.execute("INSERT OR IGNORE INTO settings (json) VALUES (?)", (settings,))
    found = db.execute("SELECT number FROM settings WHERE json = ?", (settings,))
    return int(found.fetchone()[0])


def _execute(db: sqlite3.Connection, script: str) -> None:
    """Several statements within a transaction, which ``executescript`` would end."""
    for statement in script.split(";\n"):
        if statement.strip():
            db.execute(statement)
