"""Weights of a folder as models, or what keeps them from being so."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from w2sd_video.eval.errors import Unusable
from w2sd_video.eval.images import weights
from w2sd_video.eval.images.pixels import Preparation

if TYPE_CHECKING:
    from torch import Tensor


def device() -> str:
    """Where models run."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def loaded(cls: Any, folder: Path, allow_pickle: bool, may_lack: str = "") -> Any:
    """A model of transformers in float32, from this folder and nowhere else.

    Args:
        may_lack: the beginning of names of weights that need not be there.

    Raises:
        Unusable: if it can't be loaded, or would be so with weights made up.
    """
    quiet()
    try:
        model, report = cls.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=None if allow_pickle else True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    except Exception as error:
        raise unusable(folder, error) from None
    lacking = sorted(
        name for name in report["missing_keys"] if not (may_lack and name.startswith(may_lack))
    )
    if lacking:
        raise Unusable(
            f"{folder} lacks {len(lacking)} weights of {cls.__name__}, the first: {lacking[0]}"
        )
    return model.float().eval().requires_grad_(False).to(device())


def quiet() -> None:
    """Let transformers say nothing: of what isn't as it should be this package tells."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()


def tensors(folder: Path, allow_pickle: bool, beginning: str = "") -> dict[str, Tensor]:
    """Tensors of a folder's weight files by name, those whose name begins so.

    Raises:
        Unusable: if a file is broken.
    """
    import torch
    from safetensors import safe_open

    found: dict[str, Tensor] = {}
    for file in weights.files(folder, allow_pickle):
        try:
            if file.suffix in weights.PICKLES:
                said = torch.load(file, map_location="cpu", weights_only=True)
                if not all(isinstance(value, torch.Tensor) for value in said.values()):
                    raise ValueError("it has more in it than tensors by their names")
                found |= {name: value for name, value in said.items() if name.startswith(beginning)}
                continue
            with safe_open(file, "pt") as stream:
                names = [name for name in stream.keys() if name.startswith(beginning)]  # noqa: SIM118  # no dict
                found |= {name: stream.get_tensor(name) for name in names}
        except Exception as error:
            raise unusable(file, error) from None
    return found


def preparation(folder: Path, default: Preparation | None = None) -> Preparation:
    """How a model of this folder wants its images.

    Raises:
        Unusable: if that is not known.
    """
    try:
        return Preparation.read(folder, default)
    except ValueError as error:
        raise Unusable(f"{folder} {error}") from None


def unusable(place: Path, error: Exception) -> Unusable:
    """What is to be said of weights that can't be loaded."""
    reason = " ".join(str(error).split()) or type(error).__name__
    return Unusable(f"{place} can't be loaded: {reason[:300]}")
