"""What can be said about a model without loading it: names, limits, a fingerprint."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from w2sd_video.render.errors import did_you_mean

# Models that ship with the package, and the weak partner of each.
EMBEDDED = ("shapes", "shapes/weak")


@dataclass(frozen=True)
class Limits:
    """The sizes a model can render."""

    height: range
    width: range
    num_frames: range


LIMITS = {"shapes": Limits(range(64, 65), range(64, 65), range(1, 17))}


def problem(reference: str) -> str | None:
    """Why a model reference can't be right, as far as can be seen from here."""
    if reference.split("/")[0] == "shapes":
        if reference not in EMBEDDED:
            return f"unknown model '{reference}'{did_you_mean(reference, EMBEDDED)}"
    elif reference.startswith((".", "/", "~")) and not Path(reference).expanduser().is_dir():
        return f"no such folder: {reference}"
    return None


@cache
def schedulers() -> frozenset[str]:
    """Names of diffusers' schedulers, read from its source: importing it takes seconds."""
    spec = find_spec("diffusers")
    if spec is None or spec.origin is None:
        return frozenset()
    files = (Path(spec.origin).parent / "schedulers").glob("scheduling_*.py")
    found = (re.findall(r"^class (\w+)\(", f.read_text("utf-8"), re.M) for f in files)
    return frozenset(name for names in found for name in names if name.endswith("Scheduler"))


@cache
def fingerprint(reference: str, revision: str | None = None) -> str:
    """A short text that changes when the weights behind a reference do.

    The revision for a hub repository; for a folder the names, sizes and times of its
    files; for the embedded models their content.
    """
    digest = hashlib.sha256()
    if reference in EMBEDDED:
        root = Path(__file__).parents[1] / "shapes"
        for file in sorted(root.rglob("*.safetensors")):
            digest.update(file.read_bytes())
    elif (root := Path(reference).expanduser()).is_dir():
        for file in sorted(p for p in root.rglob("*") if p.suffix in (".safetensors", ".json")):
            status = file.stat()
            said = f"{file.relative_to(root)}|{status.st_size}|{status.st_mtime_ns};"
            digest.update(said.encode())
    else:
        return revision or "main"
    return digest.hexdigest()[:16]
