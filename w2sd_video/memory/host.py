"""How much of the host's memory this process may still take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

CGROUPS = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")
# By version, the files of a group: its limit, and what is used of it.
FILES = {2: ("memory.max", "memory.current"), 1: ("memory.limit_in_bytes", "memory.usage_in_bytes")}


def available() -> int:
    """Bytes: what the host has free, or less where a container or a job's limit leaves less.

    Cluster schedulers and containers limit groups of processes, which the host's figures do not
    tell; who exceeds it is killed without a word.
    """
    free: int = psutil.virtual_memory().available
    return max(0, min([free, *_left()]))


def _left() -> Iterator[int]:
    """In this process's group and in all above it, where they have a limit."""
    for version, group in _groups():
        limit, used = FILES[version]
        with suppress(OSError, ValueError):  # no such group here, or "max": no limit
            room = int((group / limit).read_text()) - int((group / used).read_text())
            yield room + _cached(group)


def _groups() -> Iterator[tuple[int, Path]]:
    with suppress(OSError):
        for line in OWN.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers and "memory" not in controllers.split(","):
                continue
            root = CGROUPS / "memory" if controllers else CGROUPS
            own = root / path.lstrip("/")
            for group in (own, *own.parents):
                if group.is_relative_to(root):
                    yield (1 if controllers else 2), group


def _cached(group: Path) -> int:
    """Of files, which make way."""
    with suppress(OSError):
        stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        return int(stat.get("inactive_file", 0))
    return 0
