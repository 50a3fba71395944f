"""A run's folder: made, held by one run at a time, and told how it was asked for."""

from __future__ import annotations

import json
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock, Timeout

from w2sd_video.render.errors import InputError
from w2sd_video.render.ledger import Ledger

LOCK, HOLDER = ".lock", ".holder.json"


@contextmanager
def open_folder(folder: Path) -> Iterator[Ledger]:
    """Hold a folder, made if need be, and open its ledger.

    The lock is the system's, so that it goes with its process however that ends.

    Raises:
        InputError: if it can't be written to, or another run holds it.
    """
    try:
        (folder / "clips").mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder / "clips"):
            pass
        lock = FileLock(folder / LOCK, timeout=0)
        lock.acquire()
    except Timeout:
        raise InputError(f"is rendered into by {_holder(folder)}", str(folder)) from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"can't be written to: {reason}", str(folder)) from None
    holder = folder / HOLDER
    try:
        holder.write_text(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}))
        for part in (folder / "clips").glob(".*.part"):  # of a run that was killed
            part.unlink()
        with Ledger(folder / "ledger.sqlite") as ledger:
            yield ledger
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _holder(folder: Path) -> str:
    """Who holds it, as far as can be told."""
    with suppress(OSError, ValueError, KeyError):
        said = json.loads((folder / HOLDER).read_text())
        return f"process {said['pid']} on {said['host']}; wait for it, or take another folder"
    return "another process; wait for it, or take another folder"


def write_settings(folder: Path, settings: dict[str, Any]) -> None:
    """Keep the configuration, as given and as resolved, in ``run.yaml``."""
    path, part = folder / "run.yaml", folder / ".run.yaml.part"
    text = yaml.safe_dump(settings, sort_keys=False, allow_unicode=True)
    part.write_text(text, "utf-8")
    os.replace(part, path)
