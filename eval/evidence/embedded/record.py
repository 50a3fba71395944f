"""The clips that a result was reckoned from, beside it: anyone can reckon it anew in seconds.

A gzipped file of JSON lines: first what sampled the clips, then a line a clip. Clips are found by
how they were sampled, prompt and seed, so newer code reads them, too.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from w2sd_video.render.errors import InputError

from .store import Row, key_told


@dataclass(frozen=True)
class Record:
    """All clips of one result, or what is there of them.

    Attributes:
        models: of what sampled them, see ``store.fingerprint``.
        made: how the result came about; None while clips are missing.
    """

    models: str
    made: dict[str, Any] | None
    rows: list[Row]

    def by_key(self, models: str) -> dict[str, Row]:
        """Each where these models look for it."""
        return {key_told(models, row.column, row.prompt, row.seed): row for row in self.rows}


def write(file: Path, record: Record) -> None:
    """The same clips make the same bytes."""
    lines: list[dict[str, Any]] = [{"models": record.models, "made": record.made}]
    for row in record.rows:
        line = asdict(row)
        del line["key"]  # follows from the others
        lines.append(line)
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    file.write_bytes(gzip.compress(text.encode(), mtime=0))


def read(file: Path) -> Record:
    """A record that was written before.

    Raises:
        InputError: if there is none, or it can't be read.
    """
    try:
        head, *lines = gzip.decompress(file.read_bytes()).decode().splitlines()
        models, made = (json.loads(head)[name] for name in ("models", "made"))
        told = [json.loads(line) for line in lines]
        rows = [
            Row(key=key_told(models, one["column"], one["prompt"], one["seed"]), **one)
            for one in told
        ]
    except FileNotFoundError:
        raise InputError("is not there; leave out --recorded to sample clips", str(file)) from None
    except (OSError, EOFError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"is no record of clips: {error}", str(file)) from None
    return Record(models, made, rows)
