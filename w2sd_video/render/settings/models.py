"""What can be said about a model without loading it: names, limits, pickles, a fingerprint."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from w2sd_video import shapes
from w2sd_video.render.errors import did_you_mean

PICKLES = (".bin", ".ckpt", ".pkl", ".pt", ".pth")
DENOISERS = ("unet", "transformer", "transformer_2")


@dataclass(frozen=True)
class Limits:
    """The sizes a model can render; None where that is no question."""

    height: range = range(64, 65)
    width: range = range(64, 65)
    num_frames: range | None = None


# Of the embedded models.
LIMITS: dict[shapes.Kind, Limits] = {
    "video": Limits(num_frames=range(1, 17)),
    "image": Limits(),
    "dit": Limits(num_frames=range(16, 17)),
    "moe": Limits(),
}


def limits(reference: str) -> Limits | None:
    """The sizes that a model can render, as far as they are known."""
    return LIMITS[shapes.MODELS[reference][0]] if reference in shapes.MODELS else None


def problem(reference: str) -> str | None:
    """Why a model reference can't be right, as far as can be seen from here."""
    if reference.split("/")[0] == "shapes":
        if reference not in shapes.MODELS:
            return f"unknown model '{reference}'{did_you_mean(reference, shapes.MODELS)}"
    elif reference.startswith((".", "/", "~")) and not Path(reference).is_dir():
        return f"no such folder: {reference}"
    return None


@cache
def index(reference: str, revision: str | None = None) -> dict[str, Any]:
    """What ``model_index.json`` says, of a folder or of a hub model that was downloaded before."""
    name = "model_index.json"
    if reference in shapes.MODELS:
        kind = shapes.MODELS[reference][0]
        said = _read(shapes.FOLDERS[kind] / name)
        return said | {"_class_name": shapes.PIPELINES[kind]}  # of a folder that is two of them
    if on_hub(reference):
        from huggingface_hub import try_to_load_from_cache

        found = try_to_load_from_cache(reference, name, revision=revision)
        return _read(Path(found)) if isinstance(found, str) else {}
    return _read(Path(reference) / name)


def _read(file: Path) -> dict[str, Any]:
    try:
        said = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def at_hand(reference: str, revision: str | None = None) -> bool:
    """Whether weights are on this machine, or at least some of theirs."""
    if reference in shapes.MODELS:
        return shapes.FOLDERS[shapes.MODELS[reference][0]].exists()
    if not on_hub(reference):
        return True
    files = cached(reference, "snapshots").glob(f"{revision or '*'}/**/*")
    return any(file.suffix in (".safetensors", *PICKLES) for file in files)


def cached(reference: str, *parts: str) -> Path:
    """Where the cache has something of a hub repository, if it has."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    folder = repo_folder_name(repo_id=reference, repo_type="model")
    return Path(constants.HF_HUB_CACHE, folder, *parts)


def on_hub(reference: str) -> bool:
    """Whether a reference is the id of a hub repository."""
    if reference in shapes.MODELS or Path(reference).exists():
        return False
    return reference.count("/") == 1 and not reference.startswith((".", "/", "~"))


def labels(reference: str, revision: str | None = None) -> dict[str, int]:
    """Class numbers by name, if the model's files tell them."""
    said = index(reference, revision).get("id2label")
    named = said.items() if isinstance(said, dict) else ()
    return {n.strip(): int(number) for number, names in named for n in str(names).split(",")}


def pickled(
    reference: str, subfolder: str | None = None, parts: Iterable[str] | None = None
) -> str | None:
    """The first pickle that stands where safetensors should, of weights on this machine.

    Args:
        reference: a folder or a file; of a hub id nothing can be told.
        parts: of a pipeline's folder, only these; all by default.
    """
    root = Path(reference)
    if root.is_file():
        return root.name if root.suffix in PICKLES else None
    if subfolder:
        folders = [root / subfolder]
    elif (root / "model_index.json").is_file():
        wanted = index(reference) if parts is None else parts
        folders = [root / name for name in wanted if not name.startswith("_")]
    else:
        folders = [root]
    for folder in (f for f in folders if f.is_dir()):
        files = sorted(f for f in folder.iterdir() if f.suffix in (".safetensors", *PICKLES))
        if files and all(f.suffix in PICKLES for f in files):
            return str(files[0].relative_to(root))
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

    For a hub repository the revision, which is a commit by now (``revisions.py``); for a folder
    the names, sizes and times of its files; for the embedded models their content.
    """
    digest = hashlib.sha256()
    if reference in shapes.MODELS:
        root = shapes.FOLDERS[shapes.MODELS[reference][0]]
        for file in sorted(root.rglob("*.safetensors")):
            digest.update(file.read_bytes())
    elif (root := Path(reference)).exists():
        kinds = (".safetensors", ".json", *PICKLES)
        for file in sorted(p for p in (root, *root.rglob("*")) if p.suffix in kinds):
            status = file.stat()
            said = f"{file.relative_to(root)}|{status.st_size}|{status.st_mtime_ns};"
            digest.update(said.encode())
    else:
        return revision or "main"
    return digest.hexdigest()[:16]
