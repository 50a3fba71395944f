"""The weights that scores take: where they have to lie, and where they come from.

They are looked for before anything is scored, and nothing is ever fetched.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from w2sd_video.eval.digest import of_files
from w2sd_video.eval.errors import NotThere, Unusable

PICKLES = (".bin", ".pt", ".pth")
TEXTS = (".json", ".txt")
TOKENIZER = (("tokenizer.json",), ("vocab.json", "merges.txt"))


@dataclass(frozen=True)
class Model:
    """What a score's weights are called.

    Attributes:
        name: of its folder below the root.
        source: where to get it: a hub repository, or an address.
        revision: of the repository, if its main branch has no safetensors.
        size: of the weights in words, if it is certain.
        tokenizer: whether it reads prompts.
        config: whether transformers loads it.
    """

    name: str
    source: str
    revision: str | None = None
    size: str = ""
    tokenizer: bool = False
    config: bool = True

    @property
    def on_hub(self) -> bool:
        return not self.source.startswith("https://")

    def how(self, place: Path | None) -> str:
        """How to get it, in a few words."""
        if not self.on_hub:
            return f"get it from {self.source}"
        words = [f"hf download {self.source}"]
        words += [f"--revision {self.revision}"] if self.revision else []
        words += [f"--local-dir {place}"] if place else []
        return f"get it with: {' '.join(words)}"


# Repositories that have safetensors on a pull request's branch only are read from there.
MODELS = {
    model.name: model
    for model in (
        Model("pickscore", "yuvalkirstain/PickScore_v1", size="3.94 GB", tokenizer=True),
        Model("hps-v2", "adams-story/HPSv2-hf", "refs/pr/2", tokenizer=True),
        Model(
            "aesthetic",
            "shunk031/aesthetics-predictor-v2-sac-logos-ava1-l14-linearMSE",
            size="1.22 GB",
        ),
        Model("clip", "openai/clip-vit-large-patch14", size="1.71 GB", tokenizer=True),
        Model("dino", "facebook/dino-vits16", "refs/pr/1", size="86.7 MB"),
        Model(
            "inception",
            "https://github.com/mseitzer/pytorch-fid/releases/tag/fid_weights",
            size="95.6 MB",
            config=False,
        ),
    )
}


def locate(model: Model, root: Path | None, allow_pickle: bool = False) -> Path:
    """The folder of a model: below the root, or else in the hub cache of this machine.

    Raises:
        NotThere: if it is in neither, or lacks a file; in one line.
        Unusable: if its index of files is broken.
    """
    for place in _places(model, root):
        if fault := _fault(place, model, allow_pickle):
            raise NotThere(f"{place} {fault}")
        return place
    size = f", {model.size}" if model.size else ""
    if root is not None:
        place = root / model.name
        raise NotThere(f"missing: {place}{size}; {model.how(place)}")
    if not model.on_hub:
        raise NotThere(
            f"missing: the folder '{model.name}'{size}, in one that --weights names;"
            f" {model.how(None)}"
        )
    raise NotThere(
        f"missing: {model.source}{size}, in the hub cache; {model.how(None)}; or name a folder"
        f" that has '{model.name}' with --weights"
    )


def _places(model: Model, root: Path | None) -> Iterator[Path]:
    if root is not None and (root / model.name).is_dir():
        yield root / model.name
    if model.on_hub:
        from huggingface_hub import try_to_load_from_cache

        for revision in dict.fromkeys((model.revision, None)):
            found = try_to_load_from_cache(model.source, "config.json", revision=revision)
            if isinstance(found, str):
                yield Path(found).parent


def _fault(place: Path, model: Model, allow_pickle: bool) -> str:
    """What a folder lacks, if anything."""
    if model.config and not (place / "config.json").is_file():
        return "has no config.json"
    if model.tokenizer and not any(all((place / f).is_file() for f in t) for t in TOKENIZER):
        return "has no tokenizer.json, and no vocab.json with merges.txt (any CLIP's will do)"
    if any(place.glob("*.safetensors")):
        lacking = [file.name for file in files(place) if not file.is_file()]
        return f"has no {lacking[0]}" if lacking else ""
    pickled = sorted(f.name for f in place.iterdir() if f.suffix in PICKLES)
    if not pickled:
        return "has no weights (*.safetensors)"
    if not allow_pickle:
        return (
            f"has no safetensors but {pickled[0]}, a pickle, which can run code when it is"
            " loaded: it is refused without --allow-pickle"
        )
    return ""


def files(place: Path, allow_pickle: bool = False) -> list[Path]:
    """The weight files of a folder that is whole, safetensors before pickles.

    Raises:
        Unusable: if its index of files is broken.
    """
    index = place / "model.safetensors.index.json"
    if index.is_file():
        try:
            shards = json.loads(index.read_text("utf-8"))["weight_map"].values()
            return [place / name for name in sorted({*shards})]
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise Unusable(
                f"{index} is no index of weights: {type(error).__name__}, {error}"
            ) from None
    found = sorted(place.glob("*.safetensors"))
    if not found and allow_pickle:
        found = sorted(f for f in place.iterdir() if f.suffix in PICKLES)
    single = [f for f in found if f.stem in ("model", "pytorch_model")]
    return single or found[:1]


def fingerprint(place: Path, allow_pickle: bool = False) -> str:
    """Twelve letters that other weights, or other settings of theirs, don't have (``digest.py``).

    Raises:
        Unusable: if one can't be read.
    """
    try:
        texts = sorted(f for f in place.iterdir() if f.suffix in TEXTS)
        return of_files([*texts, *files(place, allow_pickle)])
    except OSError as error:
        raise Unusable(f"{error.filename} can't be read: {error.strerror}") from None
