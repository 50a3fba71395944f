"""A run's folder: made, held by one run at a time, and told how it was asked for."""

from __future__ import annotations

import json
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock, Timeout

from w2sd_video.render.errors import InputError
from w2sd_video.render.files.atomic import write_whole
from w2sd_video.render.jobs.shards import Shard
from w2sd_video.render.record.ledger import Ledger

# Seconds: shards that start together, hundreds maybe, wait for one another's first look.
PATIENCE = 300.0


@contextmanager
def open_folder(folder: Path, shard: Shard | None = None) -> Iterator[Ledger]:
    """Hold a folder, made if need be, and open its ledger.

    Shards hold it together, each with a ledger of its own: a job array's nodes may see the
    folder through a network, where one ledger for all would not be safe. A run of the whole
    list takes in what they have left.

    Raises:
        InputError: if it can't be written to, or another run holds it.
    """
    try:
        (folder / "clips").mkdir(parents=True, exist_ok=True)
        for place in (folder, folder / "clips"):
            with tempfile.TemporaryFile(dir=place):
                pass
    except OSError as error:
        raise _unwritable(folder, error) from None
    whole = folder / "ledger.sqlite"
    with ExitStack() as stack:
        if shard:
            with _held(folder, "", PATIENCE):  # no run of the whole list is under way
                if of_others := [f for f in _shards(folder) if not f.stem.endswith(shard.total)]:
                    _take_in(folder, whole, of_others)
                stack.enter_context(_held(folder, shard.suffix))
            yield stack.enter_context(Ledger(folder / f"ledger{shard.suffix}.sqlite"))
            return
        stack.enter_context(_held(folder, ""))
        _take_in(folder, whole, _shards(folder))
        for part in (*folder.glob(".*.part"), *folder.glob("clips/.*.part")):  # of a killed run
            part.unlink()
        yield stack.enter_context(Ledger(whole))


def _shards(folder: Path) -> list[Path]:
    return sorted(folder.glob("ledger-*.sqlite"))


def _take_in(folder: Path, whole: Path, ledgers: list[Path]) -> None:
    """Take in the ledgers of shards, none of which may be under way."""
    for file in ledgers:
        suffix = file.stem.removeprefix("ledger")
        with _held(folder, suffix):
            pass
        (folder / f".lock{suffix}").unlink(missing_ok=True)
    with Ledger(whole) as ledger:
        ledger.absorb(ledgers)


@contextmanager
def _held(folder: Path, suffix: str, patience: float = 0.0) -> Iterator[None]:
    """Hold a lock of the system's, which goes with its process however that ends."""
    holder = folder / f".holder{suffix}.json"
    lock = FileLock(folder / f".lock{suffix}", timeout=patience)
    try:
        lock.acquire()
    except Timeout:
        raise InputError(f"is rendered into by {_told(holder)}", str(folder)) from None
    except OSError as error:
        raise _unwritable(folder, error) from None
    try:
        write_whole(holder, json.dumps({"pid": os.getpid(), "host": socket.gethostname()}))
        yield
    finally:
        with suppress(OSError):
            holder.unlink(missing_ok=True)
        lock.release()


def _unwritable(folder: Path, error: OSError) -> InputError:
    return InputError(f"can't be written to: {error.strerror or error}", str(folder))


def _told(holder: Path) -> str:
    """Who it is, as far as can be told."""
    with suppress(OSError, ValueError, KeyError):
        said = json.loads(holder.read_text())
        return f"process {said['pid']} on {said['host']}; wait for it, or take another folder"
    return "another process; wait for it, or take another folder"


def runs(folder: Path) -> list[dict[str, Any]]:
    """Every run of a folder, oldest first.

    Raises:
        InputError: if there is no ledger.
    """
    found: list[dict[str, Any]] = []
    for file in _ledgers(folder):
        with Ledger(file, read_only=True) as ledger:
            found += ledger.runs()
    return sorted(found, key=lambda run: float(run["began"]))


def _ledgers(folder: Path) -> list[Path]:
    """Of the whole list and of shards."""
    files = [*folder.glob("ledger.sqlite"), *_shards(folder)]
    if not files:
        raise InputError("has no ledger.sqlite, so it is no folder of clips", str(folder))
    return files


def rows(folder: Path) -> list[dict[str, Any]]:
    """Every job of a folder, of the whole list's ledger and of shards', oldest first.

    Of a job, and of those whose clips have one name, one that is done is the one, or the newest.

    Raises:
        InputError: if there is no ledger.
    """
    files = _ledgers(folder)
    found: list[dict[str, Any]] = []
    for file in files:
        with Ledger(file, read_only=True) as ledger:
            found += ledger.rows()
    if len(files) == 1:
        return found
    newest: dict[str, dict[str, Any]] = {}
    for row in sorted(found, key=lambda row: (row["state"] == "done", float(row["updated"]))):
        newest[row["id"]] = row
    named = {row["name"]: row["id"] for row in newest.values() if row["state"] == "done"}
    return [r for r in newest.values() if named.get(r["name"], r["id"]) == r["id"]]


def write_settings(folder: Path, settings: dict[str, Any]) -> None:
    """Keep the configuration, as given and as resolved, in ``run.yaml``."""
    text = yaml.safe_dump(settings, sort_keys=False, allow_unicode=True)
    write_whole(folder / "run.yaml", text)
