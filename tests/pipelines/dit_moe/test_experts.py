"""The gate, its switch and its loss; the layer's dispatch."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from diffusers.models.transformers.transformer_hidream_image import MOEFeedForwardSwiGLU, MoEGate
from torch import Tensor, nn
from w2sd_video.pipelines.dit_moe import gates
from w2sd_video.pipelines.dit_moe.experts import ExpertGate, MoEFeedForward

from .reference import tiny


def ranking(gate: nn.Module, tokens: Tensor) -> tuple[Tensor, Tensor]:
    """Scores and experts of each token, best first."""
    return (tokens @ gate.weight.T).softmax(-1).sort(descending=True)


@pytest.mark.parametrize(
    "gate", [lambda: ExpertGate(8, 6, 2), lambda: MoEGate(8, 6, 2)], ids=["DiT-MoE", "HiDream"]
)
@torch.no_grad()
def test_best_and_worst_go_to_the_right_experts_with_their_own_scores(
    gate: Callable[[], nn.Module],
) -> None:
    torch.manual_seed(0)
    holder = nn.Sequential(gate()).eval()
    x = torch.randn(2, 5, 8)
    before = holder[0](x)
    (found,) = gates(holder)
    assert found is holder[0]
    scores, experts = ranking(found, x.flatten(0, 1))
    for which, at in (("best", slice(0, 2)), ("worst", slice(4, 6)), ("best", slice(0, 2))):
        found.experts = which
        index, weight, loss = found(x)
        assert loss is None
        order = weight.argsort(descending=True)
        assert torch.equal(index.gather(1, order), experts[:, at])
        assert torch.allclose(weight.gather(1, order), scores[:, at])
        assert weight.sum() < 10 - 0.1  # not brought to one a token
    assert torch.equal(found(x)[0], before[0])
    assert torch.equal(found(x)[1], before[1])


@torch.no_grad()
def test_the_switch_of_a_whole_hidream_layer() -> None:
    torch.manual_seed(0)
    layer = MOEFeedForwardSwiGLU(8, 12, num_routed_experts=4, num_activated_experts=2).eval()
    x = torch.randn(1, 6, 8)
    before = layer(x)
    (gate,) = gates(layer)
    assert torch.equal(layer(x), before)
    gate.experts = "worst"
    scores, experts = ranking(gate, x[0])
    expected = layer.shared_experts(x[0])
    for token in range(6):
        for s, e in zip(scores[token, 2:], experts[token, 2:], strict=True):
            expected[token] += s * layer.experts[e](x[0, token])
    assert torch.allclose(layer(x)[0], expected, atol=1e-6)


def test_gates_are_found_in_order_and_any_other_word_is_refused() -> None:
    model = tiny()
    assert gates(model) == [block.moe.gate for block in model.transformer_blocks]
    assert [gate.experts for gate in gates(model)] == ["best", "best"]
    with pytest.raises(ValueError, match="'best' or 'worst', not 'Worst'"):
        gates(model)[0].experts = "Worst"
    with pytest.raises(ValueError, match="num_experts_per_tok=3 of num_experts=2"):
        ExpertGate(8, 2, 3)


def test_the_loss_is_least_when_the_load_is_equal() -> None:
    gate = ExpertGate(4, 4, 1, aux_loss_alpha=0.5)
    gate.weight.data = 20 * torch.eye(4)
    equal = gate(torch.eye(4))[2]
    assert torch.allclose(equal, torch.tensor(0.5))
    one = gate(torch.eye(4)[[0, 0, 0, 0]])[2]
    assert torch.allclose(one, torch.tensor(2.0))  # alpha times the number of experts
    assert gate.eval()(torch.eye(4))[2] is None


def test_each_expert_runs_once_and_only_on_the_tokens_that_chose_it() -> None:
    torch.manual_seed(0)
    layer = MoEFeedForward(8, num_experts=4, n_shared_experts=0).eval()
    rows: list[int] = []
    for expert in layer.experts:
        expert.register_forward_pre_hook(lambda _, args: rows.append(len(args[0])))
    x = torch.randn(3, 7, 8)
    assert layer(x).shape == x.shape
    assert len(rows) == 4
    assert sum(rows) == 3 * 7 * 2


@torch.no_grad()
def test_an_expert_that_nobody_chose() -> None:
    layer = MoEFeedForward(8, num_experts=4, num_experts_per_tok=1, n_shared_experts=0).eval()
    layer.gate.weight.zero_()
    layer.gate.weight[2] = 10.0
    x = torch.rand(1, 3, 8)
    assert torch.allclose(layer(x), layer.experts[2](x), atol=1e-6)


@torch.no_grad()
def test_half_precision_and_autocast() -> None:
    layer = MoEFeedForward(8, num_experts=4).eval()
    x = torch.randn(1, 5, 8)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = layer(x)
    assert torch.allclose(mixed.float(), layer(x), atol=0.05)
    half = layer.to(torch.bfloat16)(x.bfloat16())
    assert half.dtype == torch.bfloat16
