"""Memory is told without computing: against what can be counted by hand."""

from __future__ import annotations

from typing import Any

import torch
from diffusers.models.attention_processor import Attention
from diffusers.models.modeling_outputs import Transformer2DModelOutput
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from w2sd_video.memory.activations import rehearse
from w2sd_video.memory.attention import chunked

MIB = 2**20


def peak_activations(*call: Any) -> int | None:
    told = rehearse(*call)
    return None if told is None else told.peak


def test_what_is_held_together_counts_and_what_is_not_does_not() -> None:
    x = torch.empty(MIB // 4)  # 1 MiB

    def one_after_the_other(x: Tensor) -> Tensor:
        for _ in range(5):
            x = x * 2
        return x

    def together(x: Tensor) -> Tensor:
        return torch.cat([x * 2 for _ in range(5)])

    assert peak_activations(one_after_the_other, x) == 3 * MIB  # the input, and two of a product
    assert peak_activations(together, x) == 11 * MIB
    assert peak_activations(lambda x: x.view(-1, 4)[2:].T, x) == MIB


def test_weights_do_not_count_and_nothing_is_computed() -> None:
    layer = nn.Linear(8192, 8192, bias=False)  # 256 MiB
    x = torch.empty(8, 8192)
    assert peak_activations(layer, x) == 2 * x.numel() * 4
    x = torch.empty(1).expand(2**43, 8192)  # no machine could
    assert peak_activations(layer, x) > 2**58


def test_attention_in_pieces_is_told_apart() -> None:
    layer = Attention(query_dim=64, heads=4, dim_head=16).eval()
    x = torch.randn(2, 1024, 64)
    scores = 2 * 4 * 1024 * 1024 * 4
    with sdpa_kernel(SDPBackend.MATH):
        whole = peak_activations(layer, x)
        with chunked(layer, MIB):
            pieces = peak_activations(layer, x)
    assert whole is not None
    assert pieces is not None
    assert whole >= 2 * scores
    assert pieces <= 5 * MIB


def test_shapes_that_depend_on_what_is_computed_cannot_be_told() -> None:
    gate = nn.Linear(9, 9)
    assert peak_activations(lambda x: x[gate(x) > 0], torch.randn(9)) is None
    assert peak_activations(lambda x: x[: int(gate(x).sum())], torch.ones(9)) is None


def test_masks_that_are_given_are_what_they_are() -> None:
    x = torch.tensor([1.0, 0.0, 2.0, 0.0])
    mask = torch.tensor([True, False, True, True])

    def call(x: Tensor, mask: Tensor) -> Tensor:
        places = torch.arange(len(mask))[mask & (x != 0)]
        return (2 * x)[places].repeat(int(mask.sum()))

    told = rehearse(call, x, mask)
    assert told is not None
    assert told.zeros().shape == call(x, mask).shape == (6,)
    assert peak_activations(lambda mask: mask.float()[mask] * 2, mask) is not None


def test_the_output_is_of_zeros_in_its_own_kind() -> None:
    told = rehearse(lambda x: Transformer2DModelOutput(sample=x @ x), torch.ones(3, 3))
    assert told is not None
    assert isinstance(told.zeros(), Transformer2DModelOutput)
    assert torch.equal(told.zeros().sample, torch.zeros(3, 3))


def test_what_is_written_into_is_no_longer_known() -> None:
    gate = nn.Linear(4, 2)

    def call(x: Tensor, mask: Tensor) -> Tensor:
        mask = mask.clone()
        mask[:2] = gate(x) > 0  # through a view of it
        return x[mask]

    assert peak_activations(call, torch.randn(4), torch.ones(4, dtype=torch.bool)) is None


def test_a_models_own_counters_stay() -> None:
    model = nn.Module()
    model.register_buffer("calls", torch.zeros(1, dtype=torch.long))

    def call(x: Tensor) -> Tensor:
        model.calls.add_(1)
        return x * 2

    assert peak_activations(call, torch.ones(4)) == 32
    assert model.calls.item() == 0
