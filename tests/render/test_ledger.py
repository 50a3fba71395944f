from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from w2sd_video.render.errors import InputError
from w2sd_video.render.jobs import Job, plan
from w2sd_video.render.layers import Layer
from w2sd_video.render.ledger import SCHEMA_VERSION, Ledger


def jobs(**settings: object) -> list[Job]:
    rows = [Layer({"prompt": p}, "l", {(): i}) for i, p in enumerate(("a", "b", "c"), 1)]
    return plan([Layer({"model": "org/model", **settings}, "f")], rows).jobs


def states(ledger: Ledger) -> list[tuple[str, str]]:
    return [(row["name"], row["state"]) for row in ledger.rows()]


def test_a_life(tmp_path: Path) -> None:
    path, (a, b, c) = tmp_path / "ledger.sqlite", jobs()
    with Ledger(path) as ledger:
        ledger.add([a, b, c])
        ledger.start([a, b, c])
        ledger.done(a, 50, 1.5, 123, {"torch": "2"})
        ledger.failed(b, "RuntimeError: no")
        ledger.stopped([a, b, c])
        assert states(ledger) == [("a-s0", "done"), ("b-s0", "failed"), ("c-s0", "queued")]
    with Ledger(path) as ledger:
        row = ledger.get(a.id)
        assert row
        assert (row["evaluations"], row["seconds"], row["peak_memory"]) == (50, 1.5, 123)
        assert (row["attempts"], row["versions"]) == (1, {"torch": "2"})
        assert row["config"]["model"]["id"] == "org/model"
        assert [row["name"] for row in ledger.rows("failed")] == ["b-s0"]
        ledger.add([b])
        again = ledger.get(b.id)
        assert again
        assert (again["state"], again["error"], again["attempts"]) == ("queued", None, 1)


def test_a_new_clip_takes_the_row_of_the_one_it_replaces(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        for job in (*jobs()[:1], *jobs(fps=4)[:1]):
            ledger.add([job])
            ledger.done(job, 1, 1.0, 1, {})
        assert len(list(ledger.rows())) == 1


def test_file_format(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    Ledger(path).close()
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
    assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(InputError, match="newer version"):
        Ledger(path)
