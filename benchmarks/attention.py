"""Layers in pieces: peak of memory and time beside the whole layer, at a real clip's sizes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, NamedTuple

import torch
from diffusers.models.attention import FeedForward
from diffusers.models.attention_processor import Attention
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from w2sd_video.memory.attention import chunked
from w2sd_video.memory.tensors import MIB

from .measure import Figures, alone, peak, seconds

BUDGET = 16 * MIB  # the least that a plan asks for


class Layer(NamedTuple):
    kind: type
    sizes: dict[str, int]
    shape: tuple[int, int, int]


# AnimateDiff's first level at 16 x 512 x 512, over space and over time, and a DiT over all at
# once, with as many tokens as 16 x 832 x 1024 has. With fewer heads than theirs: all scores of a
# whole layer have to find room here.
LEVEL = {"query_dim": 320, "heads": 2, "dim_head": 160}
LAYERS = {
    "spatial": Layer(Attention, LEVEL, (16, 4096, 320)),
    "temporal": Layer(Attention, LEVEL, (4096, 16, 320)),
    "full": Layer(Attention, {"query_dim": 256, "heads": 2, "dim_head": 128}, (1, 13_312, 256)),
    "feed_forward": Layer(FeedForward, {"dim": 320}, (16, 4096, 320)),
}


def layer(name: str) -> Figures:
    """Of one layer, with torch's plain kernel (math) and with whatever it chooses (fused)."""
    figures: Figures = {}
    for kernel in ("math",) if name == "feed_forward" else ("math", "fused"):
        whole, pieces = (alone(_peak, name, kernel, p) for p in (False, True))
        (slow, fast), error = alone(_compare, name, kernel)
        figures |= {
            f"{kernel}_mib": round(whole / MIB),
            f"{kernel}_pieces_mib": round(pieces / MIB),
            f"{kernel}_memory_ratio": pieces / whole,
            f"{kernel}_time_ratio": fast / slow,
            f"{kernel}_error": error,
        }
    return figures


def _call(name: str, kernel: str, pieces: bool) -> Callable[..., Tensor]:
    kind, sizes, shape = LAYERS[name]
    torch.manual_seed(0)
    module, x = kind(**sizes).eval(), torch.randn(shape)

    def call(tokens: int | None = None) -> Tensor:
        with torch.no_grad(), ExitStack() as stack:
            if kernel == "math":
                stack.enter_context(sdpa_kernel(SDPBackend.MATH))
            if pieces:
                stack.enter_context(chunked(module, BUDGET))
            out: Any = module(x[:, :tokens])
            return out

    return call


def _peak(name: str, kernel: str, pieces: bool) -> int:
    call = _call(name, kernel, pieces)
    call(1)  # what the libraries take once
    return peak(call)


def _compare(name: str, kernel: str) -> tuple[list[float], float]:
    whole, pieces = (_call(name, kernel, p) for p in (False, True))
    error = (whole() - pieces()).abs().max() / whole().abs().max()
    return seconds(whole, pieces, rounds=3), float(error)
