"""Checkpoints of DiT-MoE as its authors publish them, to this package's layout and back.

The layout, by shapes (D is the width of a token; github.com/feizc/DiT-MoE, models.py)::

    x_embedder.proj, t_embedder.mlp.0 / .2, y_embedder.embedding_table
    pos_embed                                    fixed: computed here, only compared
    blocks.N.attn.qkv (3D, D), .proj             or .Wqkv, .out_proj, .q_norm, .k_norm
    blocks.N.adaLN_modulation.1 (6D, D)
    blocks.N.moe.gate (experts, D)
    blocks.N.moe.experts.K.gate_proj / up_proj / down_proj, and .shared_experts likewise
    final_layer.adaLN_modulation.1 (2D, D), final_layer.linear

Diffusers' building blocks keep q, k and v apart and gate_proj and up_proj together, and the
last modulation has scale before shift.
"""

from __future__ import annotations

import argparse
import math
import pickle
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from accelerate import init_empty_weights
from safetensors.torch import load_file
from torch import Tensor

from .transformer import DiTMoETransformer2DModel

# Attention heads by width: of all that makes a model, shapes alone do not tell them.
HEADS = {384: 6, 768: 12, 1024: 16, 1152: 16, 1408: 16}

NAMES = (
    ("pos_embed.", "x_embedder."),
    ("timestep_embedder.linear_1.", "t_embedder.mlp.0."),
    ("timestep_embedder.linear_2.", "t_embedder.mlp.2."),
    ("class_embedder.", "y_embedder."),
    ("transformer_blocks.", "blocks."),
    (".norm1.linear.", ".adaLN_modulation.1."),
    (".attn.to_out.0.", ".attn.proj."),
    (".attn.norm_q.", ".attn.q_norm."),
    (".attn.norm_k.", ".attn.k_norm."),
    (".net.2.", ".down_proj."),
    ("proj_out.", "final_layer.linear."),
)
NAMES_WITH_QK_NORM = ((".attn.proj.", ".attn.out_proj."), (".attn.qkv.", ".attn.Wqkv."))


class UnsupportedCheckpoint(ValueError):
    """The file is no DiT-MoE checkpoint that can be converted."""


class Piece(NamedTuple):
    """Part ``part`` of the ``of`` equal parts, along dimension 0, of a published tensor."""

    name: str
    part: int = 0
    of: int = 1


# Which published pieces, one below the other, make a tensor of ours; all others are whole.
PIECES = (
    (".attn.to_q.", (Piece(".attn.qkv.", 0, 3),)),
    (".attn.to_k.", (Piece(".attn.qkv.", 1, 3),)),
    (".attn.to_v.", (Piece(".attn.qkv.", 2, 3),)),
    (".net.0.proj.", (Piece(".up_proj."), Piece(".gate_proj."))),
    (
        "norm_out.linear.",
        (
            Piece("final_layer.adaLN_modulation.1.", 1, 2),
            Piece("final_layer.adaLN_modulation.1.", 0, 2),
        ),
    ),
)


def convert(source: Path, target: Path, allow_pickle: bool = False) -> None:
    """Read a published checkpoint and write a folder for ``from_pretrained``.

    Its size is read off its shapes. Twice the checkpoint's size in memory is needed.

    Args:
        source: a ``.safetensors`` file, or a pickle (``.pt``) if that is allowed.
        target: the folder, with config and safetensors.
        allow_pickle: load pickles too; nothing but tensors and the arguments of a training
            (``torch.load(weights_only=True)``).

    Raises:
        UnsupportedCheckpoint: naming the tensor that is missing, unknown or of a wrong shape.
    """
    from_published(read(source, allow_pickle)).save_pretrained(target)


def read(source: Path, allow_pickle: bool = False) -> dict[str, Tensor]:
    """The tensors of a published checkpoint: its running average, if it has one.

    Raises:
        UnsupportedCheckpoint: for a pickle that is not allowed or holds more than tensors.
    """
    if source.suffix == ".safetensors":
        return load_file(source)
    if not allow_pickle:
        raise UnsupportedCheckpoint(
            f"{source.name} is a pickle; pass allow_pickle=True to load it, tensors only, or "
            f"convert it to safetensors elsewhere"
        )
    try:
        # The published training script saves its arguments beside the tensors.
        with torch.serialization.safe_globals([argparse.Namespace]):
            state: Any = torch.load(source, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UnsupportedCheckpoint(
            f"{source.name} is not a pickle of tensors and arguments alone, and no other is loaded"
        ) from error
    for wrapper in ("ema", "model"):
        if isinstance(state, dict) and wrapper in state:
            state = state[wrapper]
            break
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise UnsupportedCheckpoint(f"{source.name} does not hold tensors by name")
    return state


def config_of(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """The arguments of ``DiTMoETransformer2DModel``, read off a published checkpoint's shapes.

    Two things no shape tells and are taken as published: each token goes to two experts, and
    the models with normalised queries and keys are flows with times from 0 to 1, the others not.

    Raises:
        UnsupportedCheckpoint: if a tensor is missing, or the number of heads isn't known.
    """

    def shape(name: str, dimensions: int = 2) -> torch.Size:
        if name not in state:
            raise UnsupportedCheckpoint(f"the checkpoint has no {name}")
        if state[name].ndim != dimensions:
            raise UnsupportedCheckpoint(
                f"{name} is {tuple(state[name].shape)} and should have {dimensions} dimensions"
            )
        return state[name].shape

    width, in_channels, patch, _ = shape("x_embedder.proj.weight", 4)
    blocks = (re.match(r"blocks\.(\d+)\.", name) for name in state)
    qk_norm = "blocks.0.attn.q_norm.weight" in state
    if qk_norm:
        head_dim = shape("blocks.0.attn.q_norm.weight", 1)[0]
    elif width in HEADS:
        head_dim = width // HEADS[width]
    else:
        raise UnsupportedCheckpoint(
            f"x_embedder.proj.weight is for tokens of width {width}, and how many attention heads "
            f"those have isn't known; known widths are {', '.join(map(str, HEADS))}"
        )
    return {
        "num_attention_heads": width // head_dim,
        "attention_head_dim": head_dim,
        "in_channels": in_channels,
        "out_channels": shape("final_layer.linear.weight")[0] // patch**2,
        "num_layers": 1 + max((int(match[1]) for match in blocks if match), default=-1),
        "sample_size": math.isqrt(shape("pos_embed", 3)[1]) * patch,
        "patch_size": patch,
        "mlp_ratio": shape("blocks.0.moe.experts.0.gate_proj.weight")[0] / width,
        "num_experts": shape("blocks.0.moe.gate.weight")[0],
        "num_experts_per_tok": 2,
        "n_shared_experts": shape("blocks.0.moe.shared_experts.gate_proj.weight")[0] // width,
        "num_classes": shape("y_embedder.embedding_table.weight")[0] - 1,
        "qk_norm": "layer_norm" if qk_norm else None,
        "timestep_scale": 1e-3 if qk_norm else 1.0,
    }


def from_published(state: Mapping[str, Tensor]) -> DiTMoETransformer2DModel:
    """The model of a published checkpoint, in evaluation mode and the checkpoint's dtype.

    Raises:
        UnsupportedCheckpoint: naming the tensor that is missing, unknown or of a wrong shape.
    """
    config = config_of(state)
    with init_empty_weights():
        model = DiTMoETransformer2DModel(**config)
    wanted = {name: (pieces_of(name, model), to) for name, to in model.state_dict().items()}
    known = {piece.name for pieces, _ in wanted.values() for piece in pieces} | {"pos_embed"}
    if missing := known - set(state):
        raise UnsupportedCheckpoint(f"the checkpoint has no {_listed(missing)}")
    if unknown := set(state) - known:
        raise UnsupportedCheckpoint(f"the checkpoint has the unknown {_listed(unknown)}")
    _check_positions(state["pos_embed"], model.pos_embed.pos_embed)
    converted = {}
    for name, (pieces, to) in wanted.items():
        expected = (to.shape[0] // len(pieces), *to.shape[1:])
        parts = [state[piece.name].tensor_split(piece.of)[piece.part] for piece in pieces]
        for piece, part in zip(pieces, parts, strict=True):
            if part.shape != expected:
                whole = (expected[0] * piece.of, *expected[1:])
                raise UnsupportedCheckpoint(
                    f"{piece.name} is {tuple(state[piece.name].shape)}, not {whole} as the "
                    f"other tensors' shapes ask for"
                )
        converted[name] = torch.cat(parts)
    model.load_state_dict(converted, assign=True)
    return model.eval()


def to_published(model: DiTMoETransformer2DModel) -> dict[str, Tensor]:
    """A model's tensors by their published names."""
    parts: dict[str, dict[int, Tensor]] = {}
    for name, tensor in model.state_dict().items():
        pieces = pieces_of(name, model)
        for piece, part in zip(pieces, tensor.chunk(len(pieces)), strict=True):
            parts.setdefault(piece.name, {})[piece.part] = part
    state = {name: torch.cat([part[i] for i in sorted(part)]) for name, part in parts.items()}
    return {"pos_embed": model.pos_embed.pos_embed.clone(), **state}


def pieces_of(name: str, model: DiTMoETransformer2DModel) -> tuple[Piece, ...]:
    """The published pieces of the tensor that ``model`` calls ``name``."""

    def renamed(name: str) -> str:
        for ours, published in (*NAMES, *(NAMES_WITH_QK_NORM if model.config.qk_norm else ())):
            name = name.replace(ours, published)
        return name

    for ours, pieces in PIECES:
        if ours in name:
            return tuple(p._replace(name=renamed(name.replace(ours, p.name))) for p in pieces)
    return (Piece(renamed(name)),)


def _check_positions(published: Tensor, own: Tensor) -> None:
    if published.shape != own.shape:
        raise UnsupportedCheckpoint(
            f"pos_embed is {tuple(published.shape)}, not {tuple(own.shape)}: the positions of "
            f"square latents"
        )
    if (published.float() - own).abs().max() > 5e-3:  # bfloat16 rounds by up to 4e-3
        raise UnsupportedCheckpoint(
            "pos_embed has other values than the sines and cosines that the model computes"
        )


def _listed(names: Iterable[str]) -> str:
    first = sorted(names)
    more = f" and {len(first) - 3} more" if len(first) > 3 else ""
    return ", ".join(first[:3]) + more
