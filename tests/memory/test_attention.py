"""Layers in pieces: what comes out is the same, what is held is less."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from diffusers.models.attention import FeedForward
from diffusers.models.attention_processor import Attention
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode

from w2sd_video.memory import attention
from w2sd_video.memory.attention import chunked

from .. import tiny

KIB = 1024


class Largest(TorchDispatchMode):
    """Notes the bytes of the largest tensor that is made."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for tensor in out if isinstance(out, (tuple, list)) else [out]:
            if isinstance(tensor, Tensor) and tensor._base is None:
                self.bytes = max(self.bytes, tensor.numel() * tensor.element_size())
        return out


def near(a: Tensor, b: Tensor) -> bool:
    return bool((a - b).abs().max() <= 1e-5 * b.abs().max())


@pytest.mark.parametrize("key", tiny.FAMILIES)
def test_every_family_in_pieces(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pieces = 0

    def counted(*args: Any, **kwargs: Any) -> Any:
        nonlocal pieces
        pieces += 1
        return parts(*args, **kwargs)

    parts = attention._parts
    monkeypatch.setattr(attention, "_parts", counted)
    family = tiny.FAMILIES[key]
    pipe = family.make()
    whole = family.run(pipe, steps=2)
    with sdpa_kernel(SDPBackend.MATH), ExitStack() as stack:
        for name in ("unet", "transformer", "transformer_2", "controlnet"):
            if (part := getattr(pipe, name, None)) is not None:
                stack.enter_context(chunked(part, KIB))
        assert near(family.run(pipe, steps=2), whole)
    assert pieces > 4
    pieces = 0
    family.run(pipe, steps=2)
    assert pieces == 0


@pytest.mark.parametrize("rows", [1, 3, 64])
def test_attention_holds_no_more_than_its_budget(rows: int) -> None:
    torch.manual_seed(0)
    layer = Attention(query_dim=32, heads=4, dim_head=8).eval()
    x = torch.randn(rows, 96, 32)
    budget = 64 * KIB
    own = x.numel() * 4  # input and output
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
        with Largest() as plain:
            whole = layer(x)
        with chunked(layer, budget), Largest() as less:
            pieces = layer(x)
    assert near(pieces, whole)
    assert plain.bytes >= rows * 4 * 96 * 96 * 4
    assert less.bytes <= max(budget, own) < plain.bytes


def test_feed_forward_holds_no_more_than_its_budget() -> None:
    torch.manual_seed(0)
    layer = FeedForward(32).eval()
    x = torch.randn(2, 5, 96, 32)
    with torch.no_grad():
        with Largest() as plain:
            whole = layer(x)
        with chunked(layer, 16 * KIB), Largest() as less:
            pieces = layer(x)
    assert near(pieces, whole)
    assert less.bytes == x.numel() * 4 < plain.bytes


@pytest.mark.parametrize(
    "mask",
    [None, (1, 1, 1, 20), (3, 1, 1, 20), (3, 4, 10, 20), (10, 20), (4, 1, 20)],
    ids=str,
)
@pytest.mark.parametrize("kind", ["bool", "bias"])
def test_masks_are_cut_along(mask: tuple[int, ...] | None, kind: str) -> None:
    torch.manual_seed(0)
    query, key, value = (torch.randn(3, 4, n, 8) for n in (10, 20, 20))
    given = None
    if mask is not None:
        given = torch.randn(mask)
        given = given > -1 if kind == "bool" else given
    with sdpa_kernel(SDPBackend.MATH):
        whole = F.scaled_dot_product_attention(query, key, value, given)
        for budget in (1, 500, 4000):
            assert near(attention._by_scores(budget, query, key, value, given), whole)


def test_heads_that_share_keys_are_not_cut_apart() -> None:
    torch.manual_seed(0)
    query, key = torch.randn(2, 4, 6, 8), torch.randn(2, 2, 6, 8)
    with sdpa_kernel(SDPBackend.MATH):
        for how in ({"enable_gqa": True}, {"enable_gqa": True, "is_causal": True}):
            whole = F.scaled_dot_product_attention(query, key, key, **how)
            assert near(attention._by_scores(1, query, key, key, **how), whole)


def test_fused_kernels_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Torch's own never hold all scores; pieces would only cost time."""
    query = torch.randn(1, 2, 512, 16)
    with sdpa_kernel(SDPBackend.MATH):
        whole = attention._by_scores(2**30, query, query, query)
    monkeypatch.setattr(attention, "_parts", None)
    with torch.no_grad(), Largest() as seen:
        fused = attention._by_scores(1, query, query, query)
    assert seen.bytes <= query.numel() * 4
    assert near(fused, whole)


def test_arguments_without_rows_keep_the_layer_whole() -> None:
    """A tensor of unknown meaning might be anything: only scores are cut then."""
    torch.manual_seed(0)
    layer = Attention(query_dim=16, heads=2, dim_head=8).eval()
    seen: list[int] = []

    class Processor:
        def __call__(self, attn: Any, hidden_states: Tensor, **kwargs: Any) -> Tensor:
            seen.append(len(hidden_states))
            return hidden_states

    layer.processor = Processor()
    with chunked(layer, 1):
        layer(torch.randn(4, 8, 16), image_rotary_emb=torch.randn(4, 8))
        layer(torch.randn(4, 8, 16), torch.randn(4, 3, 16))
    assert seen == [4, 1, 1, 1, 1]


def test_a_layers_own_forward_comes_back() -> None:
    layer = FeedForward(8)
    own = layer.forward
    with chunked(layer, KIB):
        assert layer.forward is not own
        with chunked(layer, 2 * KIB):
            pass
        assert layer.forward is not own
    assert "forward" not in layer.__dict__
