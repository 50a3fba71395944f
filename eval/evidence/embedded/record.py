"""What was measured of the clips that a result was reckoned from: it can be reckoned anew.

A gzipped file of JSON lines beside the result: first what sampled the clips, then a line a clip.
Clips are found by their settings, prompt and seed, whatever code and libraries there are by now.
"""

from __future__ import annotations

import gzip
import json
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from w2sd_video.render.errors import InputError

from ..result import Made
from .store import Row, key_told


@dataclass(frozen=True)
class Record:
    """All clips of one result, or what is there of them.

    Attributes:
        models: of what sampled them, see ``store.fingerprint``.
        made: how the result came about; None where nothing has been reckoned from them yet.
    """

    models: str
    made: Made | None
    rows: list[Row]

    def by_key(self, models: str) -> dict[str, Row]:
        """Each where these models look for it."""
        return {key_told(models, row.column, row.prompt, row.seed): row for row in self.rows}


def content(record: Record) -> bytes:
    """Of its file."""
    made = record.made and record.made.model_dump()
    lines: list[dict[str, Any]] = [{"models": record.models, "made": made}]
    for row in record.rows:
        line = asdict(row)
        del line["key"]  # follows from the others
        lines.append(line)
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    return gzip.compress(text.encode(), mtime=0)


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
        return Record(models, None if made is None else Made.model_validate(made), rows)
    except FileNotFoundError:
        raise InputError("is not there; leave out --recorded to sample clips", str(file)) from None
    except (OSError, EOFError, zlib.error, ValueError, TypeError, KeyError) as error:
        told_as = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"is no record of clips ({told_as}); fetch it anew with the repository, or leave out "
            "--recorded to sample clips",
            str(file),
        ) from None
