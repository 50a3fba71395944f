"""Images as prompts: what each side is shown of them, at which scale, and in which half."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import (
    CLIPImageProcessor,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    SiglipImageProcessor,
    SiglipVisionConfig,
    SiglipVisionModel,
)
from w2sd_video.pipelines import UnsupportedSide
from w2sd_video.pipelines.families import reflecting_class

from w2sd_video import Reflection, Side

from .. import tiny
from ..tiny.parts import VISION, VISION_SIZE, WIDTH, picture
from .differences import Case, half_of_the_image, image_prompts, stock_output, weak_output

SD, XL, SD3, FLUX = (
    f"{name}Pipeline-ip"
    for name in ("StableDiffusion", "StableDiffusionXL", "StableDiffusion3", "Flux")
)
NOTHING = Case(Side())


def make(key: str) -> Any:
    family = tiny.FAMILIES[key]
    return family.make(reflecting_class(family.stock))


def denoiser(pipe: Any) -> Any:
    return next(iter(pipe.family.modules(pipe).values()))


def without_adapter(key: str) -> Any:
    """The same pipeline, with the same weights otherwise."""
    return make(key.removesuffix("-ip"))


def output_without_image(key: str) -> Tensor:
    return stock_output(without_adapter(key), tiny.FAMILIES[key.removesuffix("-ip")], NOTHING)


def with_encoder(pipe: Any) -> dict[str, Any]:
    """Give the pipeline an image encoder; the arguments that have it encode a picture."""
    torch.manual_seed(0)
    if "StableDiffusion3" in type(pipe).__name__:
        pipe.image_encoder = SiglipVisionModel(
            SiglipVisionConfig(**VISION | {"hidden_size": WIDTH})
        )
        pipe.feature_extractor = SiglipImageProcessor(size=VISION_SIZE)
    else:
        config = CLIPVisionConfig(**VISION, projection_dim=WIDTH)
        pipe.image_encoder = CLIPVisionModelWithProjection(config)
        pipe.feature_extractor = CLIPImageProcessor(size=VISION_SIZE, crop_size=VISION_SIZE)
    return {"ip_adapter_image_embeds": None, "ip_adapter_image": picture(8)}


@pytest.mark.parametrize("key", [SD, SD3])
def test_scale_0_is_no_image(key: str) -> None:
    family, pipe = tiny.FAMILIES[key], make(key)
    weak = weak_output(pipe, family, Side(ip_adapter_scale=0.0))
    assert torch.equal(weak, stock_output(pipe, family, Case(Side(), {}, image_prompts(0.0))))
    assert torch.equal(weak, output_without_image(key))
    assert not torch.allclose(weak, stock_output(pipe, family, NOTHING), atol=1e-2)


@pytest.mark.parametrize("key", [SD, SD3])
def test_guidance_1_sees_the_conditional_image_only(key: str) -> None:
    family, pipe = tiny.FAMILIES[key], make(key)
    module, shown = denoiser(pipe), []
    projection = (
        module.image_proj if key == SD3 else module.encoder_hid_proj.image_projection_layers[0]
    )
    with projection.register_forward_pre_hook(lambda _, args: shown.append(args[0].flatten(0, -2))):
        weak = weak_output(pipe, family, Side(guidance_scale=1.0))
    uncond, cond = tiny.parts.image_embeds(2).flatten(0, 1)
    step = [(uncond, cond), (cond,), (uncond, cond)]
    assert pipe.run.evaluations == 2 * (2 + 1 + 2)
    assert len(shown) == 2 * len(step)
    for rows, expected in zip(shown, step + step, strict=True):
        assert torch.equal(rows, torch.stack(expected))
    call = {"guidance_scale": 1.0, **half_of_the_image(family, 1)}
    expected = stock_output(pipe, family, Case(Side(), call))
    assert torch.allclose(weak, expected, atol=1e-5)


@pytest.mark.parametrize("key", [SD, SD3, FLUX])
def test_a_denoiser_without_the_adapter_is_shown_no_image(key: str) -> None:
    pipe, other = make(key), denoiser(without_adapter(key))
    weak = weak_output(pipe, tiny.FAMILIES[key], Side(denoiser=other))
    assert torch.equal(weak, output_without_image(key))


@pytest.mark.parametrize("key", [XL, SD3])
def test_the_strong_side_takes_no_image_from_the_others(key: str) -> None:
    """Pipelines prepare the image once, looking at their own denoiser and its scale."""
    family, pipe = tiny.FAMILIES[key], make(key)
    call = with_encoder(pipe)
    stock = family.run(pipe, **call)
    other = denoiser(without_adapter(key))
    for strong in (Side(denoiser=other), Side(ip_adapter_scale=0.0)):
        no_push = Reflection(strong=strong, gap=0.0)
        assert torch.allclose(family.run(pipe, reflection=no_push, **call), stock, atol=1e-5)


def test_a_scale_for_an_image_that_the_pipeline_leaves_out() -> None:
    family, pipe = tiny.FAMILIES[SD3], make(SD3)
    call = with_encoder(pipe)
    pipe.set_ip_adapter_scale(0.0)
    with pytest.raises(UnsupportedSide, match="at scale 0, so that no side could see it; call"):
        family.run(pipe, reflection=Reflection(weak=Side(ip_adapter_scale=0.4)), **call)
    family.run(pipe, reflection=Reflection(weak=Side(ip_adapter_scale=0.4)))  # embeddings


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("key", [SD, SD3])
def test_embeddings_of_one_half_where_a_side_needs_both(key: str, batch: int) -> None:
    """With a batch of two, diffusers would take the clips' images for the two halves."""
    family, pipe = tiny.FAMILIES[key], make(key)
    guided = Reflection(weak=Side(guidance_scale=3.0))
    call = {"guidance_scale": 1.0, "batch": batch, **half_of_the_image(family, 1)}
    with pytest.raises(UnsupportedSide, match="pass ip_adapter_image, or a guidance_scale > 1"):
        family.run(pipe, reflection=guided, **call)
    assert torch.isfinite(family.run(pipe, reflection=Reflection(), **call)).all()
    call |= with_encoder(pipe)  # what the sentence says to do
    assert torch.isfinite(family.run(pipe, reflection=guided, **call)).all()
    assert torch.isfinite(family.run(pipe, reflection=guided, batch=batch)).all()
