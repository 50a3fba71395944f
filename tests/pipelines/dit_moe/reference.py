"""A tiny DiT-MoE, and the same written out plainly from the papers' formulas.

The reference takes tensors by their published names, so that names, layout and arithmetic are
all held against one thing. Tokens and experts are looped over one by one.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from w2sd_video.pipelines.dit_moe import DiTMoETransformer2DModel

HEADS, HEAD_DIM = 2, 8
CLASSES = 10
TINY = {
    "num_attention_heads": HEADS,
    "attention_head_dim": HEAD_DIM,
    "num_layers": 2,
    "sample_size": 8,
    "num_experts": 4,
    "num_classes": CLASSES,
}


def tiny(**changes: Any) -> DiTMoETransformer2DModel:
    """All parameters random; a new model's output is zero."""
    torch.manual_seed(0)
    model = DiTMoETransformer2DModel(**{**TINY, **changes})
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return model.eval()


def inputs(batch: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    """Latents, timesteps and labels, the last of which is "no class"."""
    generator = torch.Generator().manual_seed(1)
    latents = torch.randn(batch, 4, 8, 8, generator=generator)
    return latents, torch.tensor([3, 700])[:batch], torch.tensor([4, 1000])[:batch]


def reference(
    state: dict[str, Tensor],
    latents: Tensor,
    timestep: Tensor,
    labels: Tensor,
    experts: str = "best",
    k: int = 2,
) -> Tensor:
    """The model's output, one sample after the other."""
    return torch.stack(
        [
            _one(state, x, float(t), min(int(y), CLASSES), experts, k)
            for x, t, y in zip(latents, timestep, labels, strict=True)
        ]
    )


def _one(
    state: dict[str, Tensor], latent: Tensor, timestep: float, label: int, experts: str, k: int
) -> Tensor:
    def linear(name: str, x: Tensor) -> Tensor:
        return F.linear(x, state[f"{name}.weight"], state.get(f"{name}.bias"))

    def swiglu(name: str, x: Tensor) -> Tensor:
        gate, up = linear(f"{name}.gate_proj", x), linear(f"{name}.up_proj", x)
        return linear(f"{name}.down_proj", gate * torch.sigmoid(gate) * up)

    width = state["pos_embed"].shape[-1]
    angles = timestep * torch.exp(-math.log(10000) * torch.arange(128) / 128)
    time = torch.cat([angles.cos(), angles.sin()])
    time = linear("t_embedder.mlp.2", F.silu(linear("t_embedder.mlp.0", time)))
    condition = F.silu(time + state["y_embedder.embedding_table.weight"][label])

    x = []
    weight = state["x_embedder.proj.weight"].reshape(width, -1)
    for row in range(4):
        for column in range(4):
            patch = latent[:, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
            token = weight @ patch.reshape(-1) + state["x_embedder.proj.bias"]
            x.append(token + positions(row, column, width))
    x = torch.stack(x)

    def modulated(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
        return F.layer_norm(x, (width,), eps=1e-6) * (1 + scale) + shift

    block = 0
    while f"blocks.{block}.moe.gate.weight" in state:
        name = f"blocks.{block}"
        shift1, scale1, gate1, shift2, scale2, gate2 = linear(
            f"{name}.adaLN_modulation.1", condition
        ).chunk(6)
        qk_norm = f"{name}.attn.q_norm.weight" in state
        qkv = linear(f"{name}.attn.{'Wqkv' if qk_norm else 'qkv'}", modulated(x, shift1, scale1))
        heads = []
        for head in range(HEADS):
            at = slice(head * HEAD_DIM, (head + 1) * HEAD_DIM)
            q, key, v = (part[:, at] for part in qkv.chunk(3, dim=-1))
            if qk_norm:
                q, key = (
                    F.layer_norm(z, (HEAD_DIM,), state[f"{n}.weight"], state[f"{n}.bias"], 1e-6)
                    for z, n in ((q, f"{name}.attn.q_norm"), (key, f"{name}.attn.k_norm"))
                )
            heads.append((q @ key.T / math.sqrt(HEAD_DIM)).softmax(-1) @ v)
        out = "out_proj" if qk_norm else "proj"
        x = x + gate1 * linear(f"{name}.attn.{out}", torch.cat(heads, dim=-1))

        fed = []
        for token in modulated(x, shift2, scale2):
            scores = linear(f"{name}.moe.gate", token).softmax(-1)
            ranked = sorted(range(len(scores)), key=lambda i: -scores[i])
            total = swiglu(f"{name}.moe.shared_experts", token)
            for i in ranked[:k] if experts == "best" else ranked[-k:]:
                total = total + scores[i] * swiglu(f"{name}.moe.experts.{i}", token)
            fed.append(total)
        x = x + gate2 * torch.stack(fed)
        block += 1

    shift, scale = linear("final_layer.adaLN_modulation.1", condition).chunk(2)
    x = linear("final_layer.linear", modulated(x, shift, scale))
    image = torch.empty(x.shape[-1] // 4, 8, 8)
    for row in range(4):
        for column in range(4):
            patch = x[4 * row + column].reshape(2, 2, -1).permute(2, 0, 1)
            image[:, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2] = patch
    return image


def positions(row: int, column: int, width: int) -> Tensor:
    """Sines and cosines of the column, then of the row."""
    angles = [
        at * 10000 ** (-torch.arange(width // 4, dtype=torch.float64) / (width // 4))
        for at in (column, row)
    ]
    return torch.cat([f(a) for a in angles for f in (torch.sin, torch.cos)]).float()
