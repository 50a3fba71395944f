"""Published checkpoints to ours and back."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from w2sd_video.pipelines.dit_moe import SIZES, DiTMoETransformer2DModel
from w2sd_video.pipelines.dit_moe.convert import (
    UnsupportedCheckpoint,
    convert,
    from_published,
    pieces_of,
    to_published,
)

from .reference import inputs, positions, tiny

EXPERTS, CLASSES, SIDE = 3, 5, 2


def published(width: int = 384, qk_norm: bool = False, layers: int = 2) -> dict[str, Tensor]:
    """A random checkpoint with the published names and shapes."""
    generator = torch.Generator().manual_seed(0)
    state: dict[str, Tensor] = {}

    def add(name: str, *shape: int, bias: bool = True) -> None:
        state[f"{name}.weight"] = 0.05 * torch.randn(shape, generator=generator)
        if bias:
            state[f"{name}.bias"] = 0.05 * torch.randn(shape[0], generator=generator)

    places = [positions(row, column, width) for row in range(SIDE) for column in range(SIDE)]
    state["pos_embed"] = torch.stack(places)[None]
    add("x_embedder.proj", width, 4, 2, 2)
    add("t_embedder.mlp.0", width, 256)
    add("t_embedder.mlp.2", width, width)
    add("y_embedder.embedding_table", CLASSES + 1, width, bias=False)
    for block in (f"blocks.{i}" for i in range(layers)):
        add(f"{block}.attn.{'Wqkv' if qk_norm else 'qkv'}", 3 * width, width)
        add(f"{block}.attn.{'out_proj' if qk_norm else 'proj'}", width, width)
        for norm in ("q_norm", "k_norm") if qk_norm else ():
            add(f"{block}.attn.{norm}", 8)
        add(f"{block}.adaLN_modulation.1", 6 * width, width)
        add(f"{block}.moe.gate", EXPERTS, width, bias=False)
        experts = [(f"experts.{i}", 4 * width) for i in range(EXPERTS)]
        for name, inner in (*experts, ("shared_experts", 2 * width)):
            add(f"{block}.moe.{name}.gate_proj", inner, width, bias=False)
            add(f"{block}.moe.{name}.up_proj", inner, width, bias=False)
            add(f"{block}.moe.{name}.down_proj", width, inner, bias=False)
    add("final_layer.adaLN_modulation.1", 2 * width, width)
    add("final_layer.linear", 32, width)
    return state


def small() -> dict[str, Tensor]:
    return published(width=16, qk_norm=True)


@pytest.mark.parametrize("make", [lambda: published(layers=1), small], ids=["plain", "qk_norm"])
def test_there_and_back(make: Callable[[], dict[str, Tensor]]) -> None:
    state = make()
    model = from_published(state)
    back = to_published(model)
    assert set(back) == set(state)
    for name, tensor in state.items():
        assert torch.allclose(back[name], tensor, atol=1e-6, rtol=0), name
        assert name == "pos_embed" or torch.equal(back[name], tensor), name
    assert not model.training


def test_the_size_is_read_off_the_shapes() -> None:
    plain, qk_norm = from_published(published(layers=1)).config, from_published(small()).config
    for name, value in {
        "num_attention_heads": 6,
        "attention_head_dim": 64,
        "in_channels": 4,
        "out_channels": 8,
        "num_layers": 1,
        "sample_size": 4,
        "patch_size": 2,
        "mlp_ratio": 4.0,
        "num_experts": EXPERTS,
        "num_experts_per_tok": 2,
        "n_shared_experts": 2,
        "num_classes": CLASSES,
        "qk_norm": None,
        "timestep_scale": 1.0,
    }.items():
        assert plain[name] == value, name
    assert (qk_norm.num_attention_heads, qk_norm.attention_head_dim) == (2, 8)
    assert (qk_norm.num_layers, qk_norm.qk_norm, qk_norm.timestep_scale) == (2, "layer_norm", 1e-3)


@pytest.mark.parametrize("size", SIZES)
def test_names_of_the_published_sizes(size: str) -> None:
    with torch.device("meta"):
        model = DiTMoETransformer2DModel.from_config({**SIZES[size], "num_layers": 1})
    found = {piece.name for name in model.state_dict() for piece in pieces_of(name, model)}
    names = published(width=16, qk_norm=model.config.qk_norm is not None, layers=1)
    assert {n for n in found if ".experts." not in n} == {
        n for n in names if ".experts." not in n and n != "pos_embed"
    }
    last = f"blocks.0.moe.experts.{model.config.num_experts - 1}.up_proj.weight"
    assert last in found


def test_a_model_converted_there_and_back_computes_the_same() -> None:
    model = tiny(qk_norm="layer_norm", timestep_scale=1e-3)
    again = from_published(to_published(model))
    with torch.no_grad():
        assert torch.equal(again(*inputs()).sample, model(*inputs()).sample)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x_embedder.proj.weight": None}, "has no x_embedder.proj.weight"),
        ({"x_embedder.proj.weight": (16, 4)}, r"x_embedder.proj.weight is \(16, 4\)"),
        ({"blocks.1.attn.k_norm.bias": None}, "has no blocks.1.attn.k_norm.bias"),
        ({"blocks.1.moe.experts.2.up_proj.weight": None}, "no blocks.1.moe.experts.2.up_proj"),
        ({"blocks.0.mlp.fc1.weight": (4, 4)}, "unknown blocks.0.mlp.fc1.weight"),
        (
            {"blocks.1.attn.Wqkv.weight": (47, 16)},
            r"blocks.1.attn.Wqkv.weight is \(47, 16\), not \(48, 16\)",
        ),
        (
            {"blocks.0.moe.shared_experts.up_proj.weight": (31, 16)},
            r"shared_experts.up_proj.weight is \(31, 16\), not \(32, 16\)",
        ),
        ({"pos_embed": (1, 6, 16)}, r"pos_embed is \(1, 6, 16\), not \(1, 4, 16\)"),
        ({"pos_embed": (1, 4, 16)}, "pos_embed has other values"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(
    change: dict[str, tuple[int, ...] | None], message: str
) -> None:
    state = small()
    for name, shape in change.items():
        state.pop(name, None)
        if shape is not None:
            state[name] = torch.ones(shape)
    with pytest.raises(UnsupportedCheckpoint, match=message) as refusal:
        from_published(state)
    assert "\n" not in str(refusal.value)


def test_an_unknown_width_is_refused() -> None:
    state = published(width=16)
    with pytest.raises(UnsupportedCheckpoint, match="width 16, and how many attention heads"):
        from_published(state)


def test_files(tmp_path: Path) -> None:
    state = small()
    save_file(state, tmp_path / "moe.safetensors")
    torch.save(
        {"model": {}, "ema": state, "opt": {"state": {}}, "args": argparse.Namespace(model="S")},
        tmp_path / "moe.pt",
    )
    convert(tmp_path / "moe.safetensors", tmp_path / "a")
    with pytest.raises(UnsupportedCheckpoint, match=r"moe.pt is a pickle; pass allow_pickle=True"):
        convert(tmp_path / "moe.pt", tmp_path / "b")
    convert(tmp_path / "moe.pt", tmp_path / "b", allow_pickle=True)
    for folder in ("a", "b"):
        files = {file.name for file in (tmp_path / folder).iterdir()}
        assert files == {"config.json", "diffusion_pytorch_model.safetensors"}
        model = DiTMoETransformer2DModel.from_pretrained(tmp_path / folder)
        for name, tensor in to_published(model).items():
            assert torch.allclose(tensor, state[name], atol=1e-6), name


def test_pickles_of_more_than_tensors_are_refused(tmp_path: Path) -> None:
    torch.save({"ema": small(), "args": Path("results")}, tmp_path / "train.pt")
    torch.save({"ema": [1, 2]}, tmp_path / "list.pt")
    with pytest.raises(UnsupportedCheckpoint, match=r"train.pt is not a pickle of tensors and arg"):
        convert(tmp_path / "train.pt", tmp_path / "x", allow_pickle=True)
    with pytest.raises(UnsupportedCheckpoint, match=r"list.pt does not hold tensors by name"):
        convert(tmp_path / "list.pt", tmp_path / "x", allow_pickle=True)
    assert not (tmp_path / "x").exists()


def test_the_dtype_stays() -> None:
    state = {name: tensor.half() for name, tensor in small().items()}
    assert from_published(state).dtype == torch.float16
