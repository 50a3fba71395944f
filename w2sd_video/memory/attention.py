"""Attention and feed-forward layers in pieces that fit a memory budget.

Clips, frames and positions that lie in a layer's batch do not see each other; softmax runs
along the keys, so some queries alone get what they get among all; and a feed-forward layer
sees one token at a time. So each can be evaluated piece by piece, exactly, and what a layer
holds for a moment (projections, scores) is that of one piece.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from diffusers.models.attention import FeedForward
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, unset_fake_temporarily
from torch.nn.attention import SDPBackend
from torch.overrides import TorchFunctionMode

from ..core.replaced import replaced

Forward = Callable[..., Any]

# The arguments of an attention layer that have a row for each of its batch.
ROWS = ("encoder_hidden_states", "attention_mask")


@contextmanager
def chunked(module: nn.Module, budget: int) -> Iterator[None]:
    """Within it, attention and feed-forward layers of ``module`` keep to a budget.

    Layers that need less are left as they are and cost nothing more. So are those that are not
    diffusers' ``FeedForward``, whatever they need: ``proj_mlp`` in the single blocks of Flux and
    HunyuanVideo, and SANA's convolutions.

    Args:
        budget: bytes that a layer may hold beside its input and output. One whose smallest
            pieces (projections of a row, scores of a query, a token) need more is evaluated in
            those.
    """
    layers: list[tuple[nn.Module, Callable[..., Any]]] = []
    for layer in module.modules():
        if hasattr(layer, "processor"):
            layers.append((layer, _attention))
        elif isinstance(layer, FeedForward):
            layers.append((layer, _feed_forward))
    with ExitStack() as stack:
        for layer, around in layers:
            inner = functools.partial(around, layer, layer.forward, budget)
            wrapped = functools.wraps(layer.forward)(inner)
            stack.enter_context(replaced(layer, "forward", wrapped))
        yield


def _feed_forward(
    layer: nn.Module,
    forward: Forward,
    budget: int,
    hidden_states: Tensor,
    *args: Any,
    **kwargs: Any,
) -> Any:
    """By tokens; ``hidden_states`` is ``(..., channels)``."""
    widths = [part.out_features for part in layer.modules() if isinstance(part, nn.Linear)]
    tokens = hidden_states.reshape(-1, hidden_states.shape[-1])
    # The widest before and after its activation, and what the piece before gave.
    held = (2 * max(widths) + widths[-1]) * hidden_states.element_size()
    size = budget // held
    if len(tokens) <= size:
        return forward(hidden_states, *args, **kwargs)
    out = _pieces(lambda part: forward(tokens[part], *args, **kwargs), tokens, size)
    return out.reshape(*hidden_states.shape[:-1], -1)


def _attention(
    layer: Any, forward: Forward, budget: int, hidden_states: Tensor, *args: Any, **kwargs: Any
) -> Any:
    """By rows of the batch, which keeps projections small, and within them by scores.

    Each may have half of the budget.
    """
    given = dict(zip(ROWS, args, strict=False)) | kwargs
    rows = len(hidden_states)
    projections, scores = _held(layer, hidden_states[:1], given.get("encoder_hidden_states"))
    if rows * (projections + scores) <= budget:
        return forward(hidden_states, *args, **kwargs)

    def piece(part: slice) -> Any:
        return forward(hidden_states[part], **{k: _cut(v, rows, part) for k, v in given.items()})

    with _Scores(budget // 2):
        size = budget // 2 // projections
        if rows <= size or not _divisible(given, rows) or len(args) > len(ROWS):
            return forward(hidden_states, *args, **kwargs)
        return _pieces(piece, hidden_states, size)


def _held(layer: Any, row: Tensor, context: Any) -> tuple[int, int]:
    """The most bytes that one row takes: its projections and outputs; and its scores.

    That is as if all tokens looked at all, image and text, which is so in joint blocks. Where
    only the image looks at the text, ``_by_scores`` sees that there are fewer scores.
    """
    channels = row.shape[1] if row.ndim == 4 else row.shape[-1]
    tokens = row.numel() // channels
    if isinstance(context, Tensor) and context.ndim == 3:
        tokens += context.shape[1]
    width = getattr(layer, "inner_dim", None) or channels
    heads = getattr(layer, "heads", None) or channels
    unit = row.element_size()
    # Queries, keys, values, what attention makes of them, its projection, the one before.
    return int(6 * tokens * width * unit), int(2 * heads * tokens * tokens * unit)


def _divisible(given: dict[str, Any], rows: int) -> bool:
    """Whether every tensor is known to have a row for each of the batch, or one for all."""
    for name, value in given.items():
        if not isinstance(value, Tensor):
            if value is not None and not isinstance(value, (bool, int, float, str)):
                return False
        elif name not in ROWS or len(value) not in (1, rows):
            return False
    return True


def _cut(value: Any, rows: int, part: slice) -> Any:
    return value[part] if isinstance(value, Tensor) and len(value) == rows else value


def _pieces(evaluate: Callable[[slice], Any], x: Tensor, size: int) -> Any:
    """The outputs of all pieces of ``size`` rows of ``x``, joined; a tuple's one by one."""
    whole: list[Tensor] = []
    for part in _parts(x, 0, size, 2):  # the second finds the whole there, beside itself
        got = evaluate(part)
        tensors = got if isinstance(got, tuple) else (got,)
        if not whole:  # written into, so that pieces and whole are never there together
            whole = [tensor.new_empty((len(x), *tensor.shape[1:])) for tensor in tensors]
        for out, tensor in zip(whole, tensors, strict=True):
            out[part] = tensor
    return tuple(whole) if isinstance(got, tuple) else whole[0]


def _parts(x: Tensor, axis: int, size: int, rehearsed: int = 1) -> Iterator[slice]:
    """All, or in a rehearsal the first: the others are like the last of those."""
    total, size = x.shape[axis], max(1, size)
    starts = range(0, total, size)
    for start in starts[:rehearsed] if isinstance(x, FakeTensor) else starts:
        yield slice(start, min(start + size, total))


class _Scores(TorchFunctionMode):
    """Within it, torch's attention holds no more scores than a budget allows."""

    def __init__(self, budget: int) -> None:
        super().__init__()
        self._budget = budget

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is F.scaled_dot_product_attention:
            return _by_scores(self._budget, *args, **kwargs)
        return func(*args, **kwargs)


def _by_scores(
    budget: int,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    **how: Any,
) -> Tensor:
    """``F.scaled_dot_product_attention`` by rows, else by heads, else by queries."""
    scores = 2 * query.numel() // query.shape[-1] * key.shape[-2] * query.element_size()
    # Rows and heads before queries: pieces of queries all read the same keys.
    axes = [axis for axis in (0, 1) if 1 < query.shape[axis] == key.shape[axis]]
    if query.shape[-2] > 1 and not is_causal:
        axes.append(2)
    if (
        scores <= budget
        or not axes
        or dropout_p
        or query.ndim != 4
        or _fused(query, key, value, attn_mask, is_causal, how)
    ):
        return F.scaled_dot_product_attention(
            query, key, value, attn_mask, dropout_p, is_causal, **how
        )
    axis, total = axes[0], query.shape[axes[0]]
    out = _shaped_like(query, value.shape[-1])
    for part in _parts(query, axis, total * budget // scores):
        at = (slice(None),) * axis + (part,)
        keys, values = (key, value) if axis == 2 else (key[at], value[at])
        mask = attn_mask
        if mask is not None and (own := mask.ndim - 4 + axis) >= 0 and mask.shape[own] == total:
            mask = mask[(slice(None),) * own + (part,)]
        out[at] = _by_scores(budget, query[at], keys, values, mask, 0.0, is_causal, **how)
    return out


def _shaped_like(query: Tensor, channels: int) -> Tensor:
    """Room for the output, laid out in memory as the query, as torch's own kernels do."""
    shape = [*query.shape[:-1], channels]
    order = sorted(range(query.ndim), key=query.stride, reverse=True)
    empty = query.new_empty([shape[dim] for dim in order])
    return empty.permute([order.index(dim) for dim in range(query.ndim)])


def _fused(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    is_causal: bool,
    how: dict[str, Any],
) -> bool:
    """Whether torch evaluates this with a kernel that never holds all scores."""
    with unset_fake_temporarily():  # which would always say no
        choice = torch._fused_sdp_choice(
            _stand_in(query),
            _stand_in(key),
            _stand_in(value),
            None if mask is None else _stand_in(mask),
            0.0,
            is_causal,
            **how,
        )
    return choice != SDPBackend.MATH.value


def _stand_in(tensor: Tensor) -> Tensor:
    """Something of the same shape and kind, in the memory of one row, if that has no content."""
    if not isinstance(tensor, FakeTensor):
        return tensor
    row = torch.empty(tensor.shape[-1], dtype=tensor.dtype, device=tensor.device)
    return row.expand(tensor.shape)
