"""Layers in pieces: what comes out is the same, what is held is less."""

from __future__ import annotations

import functools
from collections import Counter
from contextlib import ExitStack
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from diffusers.models.attention import FeedForward
from diffusers.models.attention_processor import Attention, JointAttnProcessor2_0
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

from w2sd_video.memory import attention
from w2sd_video.memory.activations import rehearse
from w2sd_video.memory.attention import chunked

from .. import tiny

KIB = 1024

# In place of feed-forward layers, which nothing cuts.
CONVOLUTIONS = ("SanaPipeline", "SanaVideoPipeline", "SanaImageToVideoPipeline")


class Held(TorchDispatchMode):
    """Notes the most bytes of what is made in it and still held by anything."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0
        self._live: dict[int, tuple[StorageWeakRef, int]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if not func.is_view:
            for tensor in tree_iter(out):
                if isinstance(tensor, Tensor):
                    storage = tensor.untyped_storage()
                    ref = StorageWeakRef(storage)
                    self._live[ref.cdata] = ref, storage.nbytes()
        self._live = {key: kept for key, kept in self._live.items() if not kept[0].expired()}
        self.bytes = max(self.bytes, sum(size for _, size in self._live.values()))
        return out


def near(a: Tensor, b: Tensor) -> bool:
    return bool((a - b).abs().max() <= 1e-5 * b.abs().max())


@pytest.fixture
def cuts(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often a layer was evaluated in pieces, by what of it was cut."""
    counts: Counter[str] = Counter()
    within: list[str] = []

    def named(name: str) -> None:
        inner = getattr(attention, name)

        @functools.wraps(inner)
        def noted(*args: Any, **kwargs: Any) -> Any:
            within.append(name)
            try:
                return inner(*args, **kwargs)
            finally:
                within.pop()

        monkeypatch.setattr(attention, name, noted)

    def counted(*args: Any) -> Any:
        counts[within[-1]] += 1
        return parts(*args)

    parts = attention._parts
    monkeypatch.setattr(attention, "_parts", counted)
    for name in ("_feed_forward", "_attention", "_by_scores"):
        named(name)
    return counts


@pytest.mark.parametrize("key", tiny.FAMILIES)
def test_every_family_in_pieces(key: str, cuts: Counter[str]) -> None:
    family = tiny.FAMILIES[key]
    pipe = family.make()
    whole = family.run(pipe, steps=2)
    with sdpa_kernel(SDPBackend.MATH), ExitStack() as stack:
        for name in ("unet", "transformer", "transformer_2", "controlnet"):
            if (part := getattr(pipe, name, None)) is not None:
                stack.enter_context(chunked(part, KIB))
        assert near(family.run(pipe, steps=2), whole)
    assert cuts["_by_scores"]
    assert bool(cuts["_feed_forward"]) == (key not in CONVOLUTIONS)
    cuts.clear()
    family.run(pipe, steps=2)
    assert not cuts


def held(layer: nn.Module, *given: Tensor) -> tuple[int, list[Tensor]]:
    """The most bytes beside input and output, which a rehearsal tells, and the output."""
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
        with Held() as seen:
            out = layer(*given)
        told = rehearse(layer, *given)
    outputs = list(out) if isinstance(out, tuple) else [out]
    assert told
    assert told.peak == seen.bytes + size(*given)
    return seen.bytes - size(*outputs), outputs


def size(*tensors: Tensor) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


@pytest.mark.parametrize("kib", [64, 512])
@pytest.mark.parametrize("rows", [1, 8])
@pytest.mark.parametrize("kind", ["self", "cross", "joint"])
def test_attention_holds_no_more_than_its_budget(kind: str, rows: int, kib: int) -> None:
    """But for the projections of one row, which it needs."""
    torch.manual_seed(0)
    joint: dict[str, Any] = {
        "added_kv_proj_dim": 32,
        "context_pre_only": False,
        "processor": JointAttnProcessor2_0(),
    }
    cross = {"cross_attention_dim": 32}
    how = {"self": {}, "cross": cross, "joint": joint}[kind]
    layer = Attention(query_dim=32, heads=4, dim_head=8, **how).eval()
    given = [torch.randn(rows, 96, 32)]
    if kind != "self":
        given.append(torch.randn(rows, 8, 32))
    row = 6 * size(*given) // rows
    plain, whole = held(layer, *given)
    with chunked(layer, kib * KIB):
        less, pieces = held(layer, *given)
    assert all(near(*both) for both in zip(pieces, whole, strict=True))
    assert less <= max(kib * KIB, kib * KIB // 2 + row)
    assert less < plain or plain < kib * KIB


@pytest.mark.parametrize("kind", ["geglu", "gelu", "linear-silu"])
@pytest.mark.parametrize("kib", [16, 256])
def test_feed_forward_holds_no_more_than_its_budget(kind: str, kib: int) -> None:
    torch.manual_seed(0)
    layer = FeedForward(32, activation_fn=kind).eval()
    x = torch.randn(2, 5, 96, 32)
    plain, whole = held(layer, x)
    with chunked(layer, kib * KIB):
        less, pieces = held(layer, x)
    assert near(pieces[0], whole[0])
    assert kib * KIB * 0.9 < less <= kib * KIB < plain


def test_a_small_layer_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Torch's attention is not even watched."""
    monkeypatch.setattr(attention, "_Scores", None)
    layer = Attention(query_dim=32, heads=4, dim_head=8).eval()
    x = torch.randn(2, 96, 32)
    with chunked(layer, 2**20):
        layer(x, torch.randn(2, 8, 32))


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
    with torch.no_grad(), Held() as seen:
        fused = attention._by_scores(1, query, query, query)
    assert seen.bytes < 2 * size(query)
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
