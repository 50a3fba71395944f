"""The pipelines and denoisers of one kind of embedded model, each loaded when first asked for."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

from w2sd_video.shapes import Kind

from .columns import Column, Model, Partner


@cache
def pipeline(kind: Kind, model: Model) -> Any:
    """The pipeline that samples, with ``reflection=``."""
    import diffusers
    import transformers
    from w2sd_video.pipelines import as_reflecting

    from w2sd_video.shapes import load_pipeline

    for library in (diffusers, transformers):
        library.utils.logging.disable_progress_bar()
    if model == "weak denoiser":
        strong = pipeline(kind, "strong")
        parts = strong.components | {_place(strong): denoiser(kind, "weights")}
        pipe = type(strong)(**parts)
    else:
        pipe = as_reflecting(load_pipeline(kind, weak=model == "weak"))
    pipe.set_progress_bar_config(disable=True)
    return pipe


@cache
def denoiser(kind: Kind, partner: Partner) -> Any:
    """Of a partner with weights of its own."""
    weak = pipeline(kind, "strong" if partner == "still" else "weak")
    module = getattr(weak, _place(weak))
    return still(module) if partner == "still" else module


def denoisers(kind: Kind, column: Column) -> list[Any]:
    """All that a column calls."""
    pipe = pipeline(kind, column.model)
    own = getattr(pipe, _place(pipe))
    return [own, denoiser(kind, column.partner)] if column.has_weights_of_its_own else [own]


def still(module: Any) -> Any:
    """A copy whose frames do not see each other: nothing of another frame is added to one."""
    from diffusers.models.unets.unet_motion_model import AnimateDiffTransformer3D
    from torch import nn

    module = copy.deepcopy(module)
    layers = [m.proj_out for m in module.modules() if isinstance(m, AnimateDiffTransformer3D)]
    blocks = getattr(module, "temporal_transformer_blocks", [])  # Latte's
    layers += [block.attn1.to_out[0] for block in blocks]
    for layer in layers:
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
    return module


def _place(pipe: Any) -> str:
    """The attribute that the denoiser is."""
    return str(pipe.family.denoisers[0])
