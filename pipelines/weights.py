"""Loading another denoiser for a Side, from safetensors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from diffusers import UNetMotionModel
from torch import nn

from ..memory.sharing import share
from .families import reflecting_class


def load_denoiser(pipe: Any, model: str | Path, **kwargs: Any) -> Any:
    """Load what a pipeline denoises with, from another model of its kind.

    Every parameter equal to the pipeline's own is shared, not stored twice; so fuse a LoRA into
    the pipeline's before.

    Args:
        pipe: a pipeline of a supported family.
        model: id or folder of a pipeline, or of a denoiser alone. For AnimateDiff it may be
            an image model, whose UNet gets the pipeline's motion modules.
        kwargs: as for ``from_pretrained``. ``use_safetensors`` is True and the dtype the
            pipeline's own unless given.

    Returns:
        the module for ``Side(denoiser=...)``; a tuple of them for a pipeline with several.

    Raises:
        OSError: if there are no such weights, or none as safetensors.
        UnsupportedSide: if they do not fit the pipeline.
    """
    modules = reflecting_class(type(pipe)).family.modules(pipe)
    loaded = tuple(_load(pipe, name, own, model, kwargs) for name, own in modules.items())
    return loaded if len(loaded) > 1 else loaded[0]


def _load(pipe: Any, name: str, own: Any, model: str | Path, kwargs: dict[str, Any]) -> nn.Module:
    alone = (Path(model) / "config.json").is_file()
    kwargs = {
        "subfolder": None if alone else name,
        "use_safetensors": True,
        "torch_dtype": own.dtype,
        **kwargs,
    }
    if isinstance(own, UNetMotionModel):
        from .animatediff import load_unet

        loaded: nn.Module = load_unet(pipe, model, **kwargs)
    else:
        loaded = type(own).from_pretrained(model, **kwargs).to(pipe._execution_device)
    share(own, loaded)
    return loaded
