"""A run's folder: made, held by one run at a time, and told how it was asked for."""

from __future__ import annotations

import json
import logging
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml
from filelock import BaseFileLock, FileLock, Timeout

from w2sd_video.render.errors import InputError
from w2sd_video.render.files.atomic import write_whole
from w2sd_video.render.jobs.shards import Shard
from w2sd_video.render.record.ledger import Entry, Ledger

log = logging.getLogger(__name__)

# Seconds: shards that start together, hundreds maybe, wait for one another's first look.
PATIENCE = 300.0
QUIET = 2.0  # and say so if it takes longer than this
GLANCE = 0.3  # seconds that a run waits for those who only look who holds a folder


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
                # By this file a run of the whole list knows of the shard.
                ledger = stack.enter_context(Ledger(folder / f"ledger{shard.suffix}.sqlite"))
            yield ledger
            return
        stack.enter_context(_held(folder, ""))
        _take_in(folder, whole, _shards(folder))
        for part in (*folder.glob(".*.part"), *folder.glob("clips/.*.part")):  # of a killed run
            with suppress(OSError):  # it is in nobody's way
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
        with suppress(OSError):
            (folder / f".lock{suffix}").unlink(missing_ok=True)
    with Ledger(whole) as ledger:
        ledger.absorb(ledgers)


@contextmanager
def _held(folder: Path, suffix: str, patience: float = GLANCE) -> Iterator[None]:
    """Hold a lock of the system's, which goes with its process however that ends."""
    holder = folder / f".holder{suffix}.json"
    lock = FileLock(folder / f".lock{suffix}")
    try:
        _acquire(lock, patience, folder, holder)
    except Timeout:
        told = f"is rendered into by {_holder(holder)}; wait for it, or take another folder"
        raise InputError(told, str(folder)) from None
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


def _acquire(lock: BaseFileLock, patience: float, folder: Path, holder: Path) -> None:
    """Wait for a lock, and say so if that takes long."""
    quiet = min(QUIET, patience)
    try:
        lock.acquire(timeout=quiet)
    except Timeout:
        if patience <= quiet:
            raise
        told = folder, _holder(holder), patience
        log.warning("%s: is held by %s; waiting for it, %.0f s at most", *told)
        lock.acquire(timeout=patience - quiet)


def _holder(holder: Path) -> str:
    """Who it is, as far as can be told."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        said = json.loads(holder.read_text())
        return f"process {said['pid']} on {said['host']}"
    return "another process"


def holders(folder: Path) -> dict[str, str] | None:
    """Who renders into a folder now, by the ledger's name; None where that can't be told.

    It is looked at and let go of at once, so nobody is kept from rendering; and it takes no
    right to write.
    """
    found = {}
    for lock in folder.glob(".lock*"):
        suffix = lock.name.removeprefix(".lock")
        held = _is_held(lock)
        if held is None:
            return None
        if held:
            found[f"ledger{suffix}.sqlite"] = _holder(folder / f".holder{suffix}.json")
    return found


def _is_held(lock: Path) -> bool | None:
    """Whether a process holds a lock; None if the system can't tell."""
    try:
        import fcntl

        with lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    except (ImportError, OSError):
        return None
    return False


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

    ``ledger`` is the name of the file that a row is of. Of a job, and of those whose clips have one
    name, one that is done is the one, or the newest.

    Raises:
        InputError: if there is no ledger.
    """
    files = _ledgers(folder)
    found: list[dict[str, Any]] = []
    for file in files:
        with Ledger(file, read_only=True) as ledger:
            found += (row | {"ledger": file.name} for row in ledger.rows())
    if len(files) == 1:
        return found
    newest: dict[str, dict[str, Any]] = {}
    for row in sorted(found, key=lambda row: (row["state"] == "done", float(row["updated"]))):
        newest[row["id"]] = row
    named = {row["name"]: row["id"] for row in newest.values() if row["state"] == "done"}
    return [r for r in newest.values() if named.get(r["name"], r["id"]) == r["id"]]


def entries(folder: Path) -> dict[str, Entry]:
    """Every job of a folder by its id, in brief; of several ledgers' one that is done is the one.

    Raises:
        InputError: if there is no ledger, or one that can't be read.
    """
    found: dict[str, Entry] = {}
    for file in _ledgers(folder):
        with Ledger(file, read_only=True) as ledger:
            for job_id, entry in ledger.entries().items():
                if job_id not in found or found[job_id].state != "done":
                    found[job_id] = entry
    return found


def write_settings(folder: Path, settings: dict[str, Any]) -> None:
    """Keep the configuration, as given and as resolved, in ``run.yaml``."""
    text = yaml.safe_dump(settings, sort_keys=False, allow_unicode=True)
    write_whole(folder / "run.yaml", text)
