"""What a pipeline call takes, told beforehand: for every family, and for models at real size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderKLMochi,
    UNetMotionModel,
    WanTransformer3DModel,
)
from torch import nn

from w2sd_video.memory import needs
from w2sd_video.memory.activations import Rehearsal, rehearse
from w2sd_video.memory.needs import first_calls, roughly

from .. import tiny


def models_of(pipe: Any) -> dict[str, nn.Module]:
    return {k: m for k, m in pipe.components.items() if isinstance(m, nn.Module)}


def call_of(pipe: Any, family: tiny.Tiny) -> Callable[[], Any]:
    arguments = family.call(steps=2) | {"output_type": "np"}
    return lambda: pipe(**arguments)


@pytest.mark.parametrize("key", tiny.FAMILIES)
def test_every_family_is_rehearsed(key: str) -> None:
    family = tiny.FAMILIES[key]
    pipe = family.make()
    before = family.run(pipe, steps=2)
    models, call = models_of(pipe), call_of(pipe, family)
    denoising, whole, decoding = first_calls(models, call)
    assert denoising.model is (getattr(pipe, "unet", None) or pipe.transformer)
    assert decoding is not None
    assert decoding.model is pipe.vae
    first = denoising.first.numel() * denoising.first.element_size()
    assert roughly(models, call) == needs.USUAL * first
    if key == "DiTMoEPipeline":  # its gates choose shapes by what they compute
        assert whole is None
    else:
        assert whole is not None
        assert first < whole.peak < needs.USUAL * first
    assert torch.equal(family.run(pipe, steps=2), before)  # nothing was left behind


@pytest.mark.parametrize("key", ["HunyuanVideo15Pipeline", "MochiPipeline"])
def test_masks_are_what_they_are(key: str) -> None:
    """Theirs choose how many tokens of a prompt are looked at."""
    family = tiny.FAMILIES[key]
    pipe = family.make()
    denoising, whole, _ = first_calls(models_of(pipe), call_of(pipe, family))
    assert whole is not None
    real = denoising.method(*denoising.args, **denoising.kwargs)
    assert whole.zeros()[0].shape == real[0].shape


def test_slices_and_tiles_take_less() -> None:
    """And a decoder that could decode so is known, unless it does."""
    family = tiny.FAMILIES["StableDiffusionPipeline"]
    pipe = family.make()
    pipe.vae.tile_latent_min_size = pipe.vae.tile_sample_min_size = 32

    def told(batch: int) -> tuple[int, list[str]]:
        arguments = family.call(steps=2, batch=batch, height=64, width=64)
        found = needs.needs_of(models_of(pipe), lambda: pipe(**arguments | {"output_type": "np"}))
        taken = found.decode()
        assert taken
        return taken, [key.removeprefix("memory.vae_") for key in found.savers]

    alone, of_one = told(1)
    together, of_two = told(2)
    assert (of_one, of_two) == (["tiling"], ["slicing", "tiling"])
    pipe.vae.enable_slicing()
    sliced, left = told(2)
    assert alone < sliced < 0.7 * together
    assert left == ["tiling"]
    pipe.vae.enable_tiling()
    tiled, left = told(2)
    assert tiled < 0.7 * sliced
    assert not left


def animatediff() -> nn.Module:
    return UNetMotionModel(
        cross_attention_dim=768, motion_max_seq_length=32, motion_num_attention_heads=8
    )


def wan_14b() -> nn.Module:
    return WanTransformer3DModel(num_layers=2)  # all are alike, and one runs at a time


def sdxl_vae() -> nn.Module:
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(128, 256, 512, 512),
        layers_per_block=2,
    )


@pytest.mark.parametrize(
    ("make", "method", "shapes", "most"),
    [
        (animatediff, "forward", [(2, 4, 16, 64, 64), (), (32, 77, 768)], 35_000),
        (wan_14b, "forward", [(1, 16, 21, 60, 104), (1,), (1, 512, 4096)], 83_000),
        (sdxl_vae, "decode", [(1, 4, 128, 128)], 19_000),
        (AutoencoderKLMochi, "decode", [(1, 12, 14, 60, 106)], 29_000),
    ],
)
def test_the_rough_figure_is_above_real_models(
    make: Callable[[], nn.Module], method: str, shapes: list[tuple[int, ...]], most: int
) -> None:
    """Bytes over those of the latents, in half precision, with scores held whole."""
    with torch.device("meta"):
        model = make().to(torch.bfloat16)
        given: list[Any] = [torch.empty(shape, dtype=torch.bfloat16) for shape in shapes]
    told = rehearse(getattr(model, method), *given)
    assert isinstance(told, Rehearsal)
    assert told.peak < most * given[0].numel() * 2 < needs.USUAL * given[0].numel() * 2
