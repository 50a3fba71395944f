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
from w2sd_video.render.ledger import Ledger
from w2sd_video.render.shards import Shard

PATIENCE = 10.0  # seconds: shards that start together wait for one another's first look


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
        with tempfile.TemporaryFile(dir=folder / "clips"):
            pass
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"can't be written to: {reason}", str(folder)) from None
    with ExitStack() as stack:
        if shard:
            with _held(folder, "", PATIENCE):  # no run of the whole list is under way
                stack.enter_context(_held(folder, shard.suffix))
            yield stack.enter_context(Ledger(folder / f"ledger{shard.suffix}.sqlite"))
            return
        stack.enter_context(_held(folder, ""))
        for lock in folder.glob(".lock-*"):
            stack.enter_context(_held(folder, lock.name.removeprefix(".lock")))
        for part in (folder / "clips").glob(".*.part"):  # of a run that was killed
            part.unlink()
        ledger = stack.enter_context(Ledger(folder / "ledger.sqlite"))
        for other in folder.glob("ledger-*.sqlite"):
            ledger.absorb(other)
        yield ledger


@contextmanager
def _held(folder: Path, suffix: str, patience: float = 0.0) -> Iterator[None]:
    """Hold a lock of the system's, which goes with its process however that ends."""
    holder = folder / f".holder{suffix}.json"
    lock = FileLock(folder / f".lock{suffix}", timeout=patience)
    try:
        lock.acquire()
    except Timeout:
        raise InputError(f"is rendered into by {_told(holder)}", str(folder)) from None
    try:
        holder.write_text(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}))
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _told(holder: Path) -> str:
    """Who it is, as far as can be told."""
    with suppress(OSError, ValueError, KeyError):
        said = json.loads(holder.read_text())
        return f"process {said['pid']} on {said['host']}; wait for it, or take another folder"
    return "another process; wait for it, or take another folder"


def ledgers(folder: Path) -> list[Path]:
    """The folder's ledger, and those of shards that no run has taken in yet.

    Raises:
        InputError: if there is none.
    """
    found = [*folder.glob("ledger.sqlite"), *sorted(folder.glob("ledger-*.sqlite"))]
    if not found:
        raise InputError("has no ledger.sqlite, so it is no folder of clips", str(folder))
    return found


def write_settings(folder: Path, settings: dict[str, Any]) -> None:
    """Keep the configuration, as given and as resolved, in ``run.yaml``."""
    path, part = folder / "run.yaml", folder / ".run.yaml.part"
    text = yaml.safe_dump(settings, sort_keys=False, allow_unicode=True)
    part.write_text(text, "utf-8")
    os.replace(part, path)
