from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from w2sd_video.render.errors import InputError
from w2sd_video.render.jobs.events import Cost, Result
from w2sd_video.render.jobs.job import Job
from w2sd_video.render.jobs.plan import plan
from w2sd_video.render.record.ledger import Ledger
from w2sd_video.render.record.schema import SCHEMA_VERSION
from w2sd_video.render.settings.layers import Layer
from w2sd_video.render.timing.forecast import Forecast
from w2sd_video.render.versions import versions


def jobs(**settings: object) -> list[Job]:
    rows = [Layer({"prompt": p}, "l", {(): i}) for i, p in enumerate(("a", "b", "c"), 1)]
    return plan([Layer({"model": "org/model", **settings}, "f")], rows).jobs


def states(ledger: Ledger) -> list[tuple[str, str]]:
    return [(row["name"], row["state"]) for row in ledger.rows()]


KILLED = """
import os, sys
from pathlib import Path
from w2sd_video.render.record.ledger import Ledger
ledger = Ledger(Path(sys.argv[1]))
ledger._db.execute("PRAGMA cache_size = 1")  # so that it writes into the file before the end
ledger._db.execute("BEGIN IMMEDIATE")
ledger._db.execute("CREATE TABLE large (text)")
ledger._db.executemany("INSERT INTO large VALUES (?)", [("x" * 4000,) for _ in range(2000)])
os.kill(os.getpid(), 9)
"""


def test_a_share_that_was_killed_in_the_middle_of_a_write_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "ledger-1-of-2.sqlite"
    Ledger(path).close()
    before = path.stat().st_size
    subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    assert path.with_name(f"{path.name}-journal").exists()
    assert path.stat().st_size > before
    with Ledger(path, read_only=True) as ledger:
        assert not ledger.entries()
    assert path.stat().st_size == before


def test_one_who_writes_is_not_disturbed_by_one_who_looks(tmp_path: Path) -> None:
    path = tmp_path / "ledger-1-of-2.sqlite"
    with Ledger(path) as writing:
        with writing._transaction():
            writing._db.execute("CREATE TABLE more (text)")
            assert path.with_name(f"{path.name}-journal").exists()
            with Ledger(path, read_only=True) as reading:
                assert not reading.entries()
        assert writing._db.execute("SELECT count(*) FROM more").fetchone()[0] == 0


def test_a_life(tmp_path: Path) -> None:
    path, (a, b, c) = tmp_path / "ledger.sqlite", jobs()
    with Ledger(path) as ledger:
        ledger.add([a, b, c])
        ledger.start([a, b, c])
        (tmp_path / "a.mp4").write_bytes(b"four")
        cost = Cost(50, {"load": 9.0, "denoise": 1.0, "decode": 0.5}, 123, "all here", "an abacus")
        ledger.ended(Result(a, tmp_path / "a.mp4", cost=cost))
        ledger.ended(Result(b, error="RuntimeError: no"))
        ledger.stopped([a, b, c])
        assert states(ledger) == [("a-s0", "done"), ("b-s0", "failed"), ("c-s0", "queued")]
    with Ledger(path) as ledger:
        row = ledger.get(a.id)
        assert row
        assert (row["evaluations"], row["seconds"], row["peak_memory"]) == (50, 1.5, 123)
        assert (row["attempts"], row["versions"]) == (1, versions())
        assert (row["plan"], row["device"]) == ("all here", "an abacus")
        assert row["phases"]["load"] == 9.0
        assert row["config"] == a.config.model_dump(mode="json")
        entry = ledger.entries()[a.id]
        assert (entry.name, entry.state, entry.attempts, entry.size) == ("a-s0", "done", 1, 4)
        assert entry.modified == (tmp_path / "a.mp4").stat().st_mtime_ns
        assert [row["name"] for row in ledger.rows("failed")] == ["b-s0"]
        ledger.add([b])
        again = ledger.get(b.id)
        assert again
        assert (again["state"], again["error"], again["attempts"]) == ("queued", None, 1)


def test_a_new_clip_takes_the_row_of_the_one_it_replaces(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        for job in (*jobs()[:1], *jobs(fps=4)[:1]):
            ledger.add([job])
            ledger.ended(Result(job, tmp_path))
        assert len(list(ledger.rows())) == 1


def test_file_format(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with Ledger(path):
        assert mode(path) == "wal"
    assert mode(path) == "delete"
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(InputError, match="newer version"):
        Ledger(path)
    assert mode(path) == "delete"  # it was left as it is


def mode(path: Path) -> str:
    db = sqlite3.connect(path)
    found = db.execute("PRAGMA journal_mode").fetchone()[0]
    db.close()
    return str(found)


def test_one_that_is_read_while_it_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with Ledger(path) as ledger:
        ledger.add(jobs())
        reader = Ledger(path, read_only=True)
        reading = reader.rows()
        assert next(reading)
    assert len(list(reading)) == 2
    reader.close()
    with Ledger(path) as ledger:
        assert len(ledger.entries()) == 3
    assert mode(path) == "delete"


@contextmanager
def as_someone() -> Iterator[None]:
    """As a user who is not root, who may write anywhere."""
    if os.geteuid():
        yield
        return
    os.setresuid(65534, 65534, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


@pytest.mark.parametrize("left_as", ["DELETE", "WAL"])
def test_one_in_a_folder_that_can_not_be_written(left_as: str) -> None:
    with tempfile.TemporaryDirectory() as temporary:  # pytest's folders are closed to others
        folder = Path(temporary)
        path = folder / "ledger.sqlite"
        with Ledger(path) as ledger:
            ledger.add(jobs())
        if left_as == "WAL":  # as it is after a run that could not close it
            db = sqlite3.connect(path)
            db.execute("PRAGMA journal_mode = WAL")
            db.close()
        folder.chmod(0o555)
        try:
            with as_someone(), Ledger(path, read_only=True) as ledger:
                assert len(ledger.entries()) == 3
            assert [file.name for file in folder.iterdir()] == ["ledger.sqlite"]
        finally:
            folder.chmod(0o755)


VERSION_1 = """
CREATE TABLE jobs (
    id TEXT PRIMARY KEY, pair TEXT NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL,
    prompt TEXT NOT NULL, seed INTEGER NOT NULL, config TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'queued', attempts INTEGER NOT NULL DEFAULT 0,
    evaluations INTEGER, seconds REAL, peak_memory INTEGER, versions TEXT, error TEXT,
    updated REAL NOT NULL
);
CREATE INDEX jobs_by_name ON jobs (name);
CREATE INDEX jobs_by_state ON jobs (state);
PRAGMA user_version = 1;
"""


def test_a_ledger_of_version_1_is_taken_on(tmp_path: Path) -> None:
    path, known = tmp_path / "ledger.sqlite", jobs()
    db = sqlite3.connect(path)
    db.executescript(VERSION_1)
    for job, state in zip(known, ("done", "failed", "queued"), strict=True):
        config = job.config.model_dump_json()
        values = job.id, job.pair, job.name, job.kind, job.prompt, job.seed, config, state, 7.0
        db.execute(
            "INSERT INTO jobs (id, pair, name, kind, prompt, seed, config, state, updated)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            values,
        )
    db.commit()
    db.close()
    for _ in range(2):
        with Ledger(path) as ledger:
            rows = list(ledger.rows())
            assert [row["config"] for row in rows] == [
                job.config.model_dump(mode="json") for job in known
            ]
            assert [row["state"] for row in rows] == ["done", "failed", "queued"]
            assert rows[0]["updated"] == 7.0
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
    assert db.execute("SELECT COUNT(*) FROM settings").fetchone() == (1,)
    db.close()
    with Ledger(path) as ledger:
        ledger.add(jobs(fps=9))
        assert len(ledger.entries()) == 6


def test_a_ledger_of_version_2_is_taken_on(tmp_path: Path) -> None:
    path, known = tmp_path / "ledger.sqlite", jobs()
    with Ledger(path) as ledger:
        ledger.add(known)
        ledger.ended(Result(known[0], tmp_path, cost=Cost(7)))
    db = sqlite3.connect(path)
    for column in ("phases", "plan", "device", "guidance"):
        db.execute(f"ALTER TABLE jobs DROP COLUMN {column}")
    db.execute("DROP TABLE runs")
    db.execute("PRAGMA user_version = 2")
    db.commit()
    db.close()
    with Ledger(path) as ledger:
        assert [row["evaluations"] for row in ledger.rows()] == [7, None, None]
        ledger.ended(Result(known[1], tmp_path, cost=Cost(7, device="an abacus")))
        assert [row["device"] for row in ledger.rows()] == [None, "an abacus", None]


def test_a_ledger_of_version_3_is_taken_on(tmp_path: Path) -> None:
    path, known = tmp_path / "ledger.sqlite", jobs()
    with Ledger(path) as ledger:
        ledger.add(known)
    db = sqlite3.connect(path)
    db.execute("ALTER TABLE jobs DROP COLUMN guidance")
    db.execute("PRAGMA user_version = 3")
    db.commit()
    db.close()
    with Ledger(path) as ledger:
        ledger.ended(Result(known[0], tmp_path, cost=Cost(7, guidance=4.5)))
        assert [row["guidance"] for row in ledger.rows()] == [4.5, None, None]


def test_runs(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        one = ledger.begin("local, 1 worker", 4, Forecast(9.5, 400, 7))
        ledger.begin("ray", 2, None)
        ledger.finish(one, 3, 1, 50, Forecast(10.0, 380, 8))
        first, second = ledger.runs()
    assert (first["place"], first["clips"], first["rendered"], first["failed"]) == (
        "local, 1 worker",
        4,
        3,
        1,
    )
    assert (first["expected_seconds"], first["expected_size"], first["expected_memory"]) == (
        9.5,
        400,
        7,
    )
    assert (first["seconds"], first["size"], first["memory"]) == (10.0, 380, 8)
    assert second["expected_seconds"] is second["seconds"] is None


def test_what_jobs_share_is_stored_once(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        ledger.add([*jobs(), *jobs(fps=4)])
        assert len({row["id"] for row in ledger.rows()}) == 6
    db = sqlite3.connect(tmp_path / "ledger.sqlite")
    assert db.execute("SELECT COUNT(*) FROM settings").fetchone() == (2,)
