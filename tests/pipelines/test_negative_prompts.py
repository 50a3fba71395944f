"""A side's negative prompt reaches the unconditional half; where there is none, it is refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from w2sd_video.pipelines import UnsupportedSide
from w2sd_video.pipelines.families import reflecting_class

from w2sd_video import Reflection, Side

from .. import tiny
from .differences import Case, stock_output, weak_output

STAR = Side(negative_prompt="a star")
TRUE_GUIDANCE = (
    "FluxPipeline-cfg",
    "HunyuanVideoPipeline-cfg",
    "HunyuanVideoImageToVideoPipeline",
    "HunyuanSkyreelsImageToVideoPipeline",
)


def make(key: str) -> Any:
    family = tiny.FAMILIES[key]
    return family.make(reflecting_class(family.stock))


@pytest.mark.parametrize("key", TRUE_GUIDANCE)
def test_true_guidance_beside_the_models_input_sees_it(key: str) -> None:
    family, pipe = tiny.FAMILIES[key], make(key)
    expected = stock_output(pipe, family, Case(STAR, {"negative_prompt": "a star"}))
    got, plain = weak_output(pipe, family, STAR), stock_output(pipe, family, Case(Side()))
    assert torch.allclose(got, expected, atol=1e-5)
    assert not torch.allclose(plain, expected, atol=1e-3)


@pytest.mark.parametrize("side", ["strong", "weak"])
@pytest.mark.parametrize(
    ("key", "call", "how"),
    [
        ("FluxPipeline", {}, "pass a negative_prompt and true_cfg_scale > 1 to the call"),
        ("FluxPipeline", {"true_cfg_scale": 4.0}, "pass a negative_prompt and true_cfg_scale"),
        ("HunyuanVideoPipeline", {"negative_prompt": "a ring"}, "and true_cfg_scale > 1"),
        ("StableDiffusionPipeline", {"guidance_scale": 1.0}, "raise the guidance of the call or"),
        ("WanPipeline", {"guidance_scale": 0.0}, "raise the guidance of the call or of a side"),
    ],
)
def test_without_an_unconditional_half_it_is_refused(
    key: str, call: dict[str, Any], how: str, side: str
) -> None:
    message = rf"{side}\.negative_prompt would have no effect: .* half; .*{how}"
    with pytest.raises(UnsupportedSide, match=message):
        tiny.FAMILIES[key].run(make(key), reflection=Reflection(**{side: STAR}), **call)


def test_both_sides_at_guidance_1_have_none_either() -> None:
    family, pipe = tiny.FAMILIES["StableDiffusionPipeline"], make("StableDiffusionPipeline")
    weak = Side(guidance_scale=1.0, negative_prompt="a star")
    with pytest.raises(UnsupportedSide, match=r"weak\.negative_prompt would have no effect"):
        family.run(pipe, reflection=Reflection(strong=Side(guidance_scale=1.0), weak=weak))


def test_a_sides_own_guidance_makes_one() -> None:
    family, pipe = tiny.FAMILIES["StableDiffusionPipeline"], make("StableDiffusionPipeline")
    weak = [Side(guidance_scale=3.0, negative_prompt=text) for text in ("a star", "a ring")]
    star, ring = (
        family.run(pipe, reflection=Reflection(weak=side), guidance_scale=1.0) for side in weak
    )
    assert not torch.allclose(star, ring, atol=1e-4)
