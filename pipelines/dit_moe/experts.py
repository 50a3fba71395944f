"""Sparse experts: the gate, the layer that routes by it, and the switch from best to worst.

For a token x and experts F_1 ... F_E the layer computes

    s = softmax(W x)                      scores, one an expert
    y = sum over k experts of s_i F_i(x)  + F_shared(x)

where the k experts are those with the highest scores. The scores of the chosen ones are *not*
brought to a sum of one. Source: arXiv 2407.11633 and its code (github.com/feizc/DiT-MoE), which
has the layer from DeepSeekMoE (arXiv 2401.06066).
"""

from __future__ import annotations

import math
from typing import Any, Literal, get_args

import torch
import torch.nn.functional as F
from diffusers.models.attention import FeedForward
from diffusers.models.transformers.transformer_hidream_image import MoEGate
from torch import Tensor, nn

Experts = Literal["best", "worst"]
Routing = tuple[Tensor, Tensor, Tensor | None]


class SwitchedGate(nn.Module):
    """A top-k gate whose ``experts`` says which experts it routes to.

    ``"best"``, the k with the highest scores, is the model as it was trained; ``"worst"``, the
    k with the lowest, is the weak model of W2SD's experts pair (arXiv 2502.00473, table 7).
    The published W2SD code leaves this pair out, so how its authors weigh the worst experts
    isn't known. What is done here is the smallest change: they come in with their own scores,
    as the best do, and nothing is renormalised. Their part is therefore small, and the shared
    experts carry most of the weak output.

    Raises:
        ValueError: when set to anything else.
    """

    _experts: Experts = "best"

    @property
    def experts(self) -> Experts:
        return self._experts

    @experts.setter
    def experts(self, which: Experts) -> None:
        if which not in get_args(Experts):
            raise ValueError(f"experts must be 'best' or 'worst', not {which!r}")
        self._experts = which

    def _choose(self, scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """Indices and scores, each ``(tokens, k)``, of the experts to go to."""
        chosen = scores.topk(k, dim=-1, largest=self.experts == "best", sorted=False)
        return chosen.indices, chosen.values


class ExpertGate(SwitchedGate):
    """DiT-MoE's gate.

    Args:
        dim: width of a token.
        num_experts: how many experts there are to choose from.
        num_experts_per_tok: k, to how many of them a token goes.
        aux_loss_alpha: weight of the load-balancing loss; 0 for none.

    Raises:
        ValueError: if a token is to go to more experts than there are.
    """

    def __init__(
        self, dim: int, num_experts: int, num_experts_per_tok: int, aux_loss_alpha: float = 0.01
    ) -> None:
        super().__init__()
        if not 0 < num_experts_per_tok <= num_experts:
            raise ValueError(
                f"num_experts_per_tok={num_experts_per_tok} of num_experts={num_experts} "
                f"can't be chosen"
            )
        self.num_experts_per_tok = num_experts_per_tok
        self.aux_loss_alpha = aux_loss_alpha
        self.weight = nn.Parameter(torch.empty(num_experts, dim))
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))  # as a Linear of torch begins

    def forward(self, hidden_states: Tensor) -> Routing:
        """Route ``(..., dim)`` tokens.

        Returns:
            expert indices ``(tokens, k)``, their weights ``(tokens, k)``, and the loss to
            train with, a number (None in evaluation, or without one).
        """
        scores = F.linear(hidden_states.flatten(0, -2), self.weight).softmax(dim=-1)
        index, weight = self._choose(scores, self.num_experts_per_tok)
        train = self.training and self.aux_loss_alpha > 0
        return index, weight, self._balance(scores, index) if train else None

    def _balance(self, scores: Tensor, index: Tensor) -> Tensor:
        """``alpha sum_i f_i P_i``: least, namely alpha, if all experts get the same load.

        f_i is the share of all choices that fell on expert i, times the number of experts;
        P_i its mean score, through which alone the gradient goes.
        """
        count = scores.shape[-1]
        share = index.flatten().bincount(minlength=count).to(scores.dtype) / index.numel()
        return self.aux_loss_alpha * (count * share * scores.mean(dim=0)).sum()


class HiDreamGate(SwitchedGate, MoEGate):
    """HiDream's gate, which computes what DiT-MoE's does, with the switch.

    ``"best"`` is diffusers' own forward.
    """

    top_k: int
    weight: nn.Parameter

    def forward(self, hidden_states: Tensor) -> Routing:
        if self.experts == "best":
            return super().forward(hidden_states)
        scores = F.linear(hidden_states.flatten(0, -2), self.weight).softmax(dim=-1)
        return *self._choose(scores, self.top_k), None


def gates(module: nn.Module) -> list[SwitchedGate]:
    """Every top-k gate inside a module, in order, ready to be switched.

    Diffusers' HiDream gates get the switch when they are first found; set to ``"best"``, as
    they then are, they compute what they did before.
    """
    for part in module.modules():
        if type(part) is MoEGate:
            part.__class__ = HiDreamGate
    return [part for part in module.modules() if isinstance(part, SwitchedGate)]


class _WithLoss(torch.autograd.Function):
    """Its first input unchanged; in the backward pass the loss gets a gradient of one.

    So a layer's own loss needs no place in the training loop, and gradient checkpointing
    keeps it.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, loss: Tensor) -> Tensor:
        ctx.dtype = loss.dtype
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        return gradient, gradient.new_ones((), dtype=ctx.dtype)


class MoEFeedForward(nn.Module):
    """The sparse feed-forward layer: k of the routed experts, and the shared ones always.

    The shared experts are one SwiGLU layer. Its width counts in token widths, not in those of
    a routed expert: with the published numbers it is half as wide as one of them.

    Args:
        dim: width of a token.
        mlp_ratio: inner width of a routed expert, over dim.
        n_shared_experts: inner width of the shared experts, over dim; 0 for none.
        num_experts, num_experts_per_tok, aux_loss_alpha: as for ``ExpertGate``.
    """

    def __init__(
        self,
        dim: int,
        mlp_ratio: float = 4.0,
        num_experts: int = 8,
        num_experts_per_tok: int = 2,
        n_shared_experts: int = 2,
        aux_loss_alpha: float = 0.01,
    ) -> None:
        super().__init__()

        def expert(width: int) -> FeedForward:
            return FeedForward(dim, inner_dim=width, activation_fn="swiglu", bias=False)

        self.gate = ExpertGate(dim, num_experts, num_experts_per_tok, aux_loss_alpha)
        self.experts = nn.ModuleList(expert(int(mlp_ratio * dim)) for _ in range(num_experts))
        self.shared_experts = expert(n_shared_experts * dim) if n_shared_experts else None

    def forward(self, hidden_states: Tensor) -> Tensor:
        """``(..., dim)`` to the same shape."""
        index, weight, loss = self.gate(hidden_states)
        tokens = hidden_states.flatten(0, -2)
        # All choices sorted by expert: each expert then runs once, on the tokens that chose it.
        choices = index.flatten()
        order = choices.argsort(stable=True)
        counts = choices.bincount(minlength=len(self.experts)).tolist()
        rows = (order // index.shape[-1]).split(counts)
        weights = weight.flatten()[order].unsqueeze(-1).split(counts)
        routed = torch.zeros_like(tokens)
        for expert, row, scale in zip(self.experts, rows, weights, strict=True):
            routed.index_add_(0, row, (expert(tokens[row]) * scale).to(routed.dtype))
        routed = routed.view_as(hidden_states)
        if loss is not None:
            routed = _WithLoss.apply(routed, loss)
        if self.shared_experts is None:
            return routed
        return routed + self.shared_experts(hidden_states)
