"""What cannot be done is refused by name, before anything is sampled."""

from __future__ import annotations

import copy
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
from torch import nn
from w2sd_video.pipelines import (
    UnsupportedScheduler,
    UnsupportedSide,
    as_reflecting,
)

from w2sd_video import Reflection, Side, reflect
from w2sd_video.core import sides

from .. import tiny
from .animatediff import GUIDANCE, add_lora, frames
from .state import state_of


@pytest.mark.parametrize(
    ("side", "message"),
    [
        (
            Side(controlnet_scale=0.5),
            r"cannot do weak\.controlnet_scale; it can differ in adapters",
        ),
        (Side(experts="best"), r"cannot do weak\.experts"),
        (
            Side(adapters={"nope": 1.0}),
            "no adapter 'nope' in the denoiser .unet., which has none; load it",
        ),
        (Side(denoiser="a/path"), "must be a loaded module, not 'a/path'"),
        (
            Side(denoiser=tiny.animatediff().unet.double()),
            "is torch.float64 on cpu, the pipeline's",
        ),
        (Side(prompt=["a", "b", "c"]), "3 prompts where the call has 1; give one string"),
    ],
)
def test_refused_before_anything_is_sampled(pipe: object, side: Side, message: str) -> None:
    before = state_of(pipe)
    with pytest.raises((UnsupportedSide, ValueError), match=message):
        frames(pipe, reflection=Reflection(weak=side))
    assert state_of(pipe) == before


def test_more_refusals(pipe: object) -> None:
    reflection = Reflection(weak=Side(denoiser=copy.deepcopy(pipe.unet)))
    with pytest.raises(UnsupportedSide, match="use callback_on_step_end="):
        frames(pipe, reflection=reflection, callback=print)
    pipe.enable_free_noise(context_length=2)
    with pytest.raises(UnsupportedSide, match="FreeNoise patches"):
        frames(pipe, reflection=reflection)
    pipe.disable_free_noise()
    pipe.unet.register_to_config(time_cond_proj_dim=8)
    with pytest.raises(UnsupportedSide, match="has no unconditional half to guide with"):
        frames(pipe, reflection=Reflection(weak=GUIDANCE))


def test_a_push_into_another_pipeline_is_refused() -> None:
    """A cached step pushes where the next one begins; a refiner's has other noise to remove."""
    family = tiny.FAMILIES["StableDiffusionXLPipeline"]
    pipe = as_reflecting(family.make())
    with pytest.raises(UnsupportedSide, match="which denoising_end leaves to another pipeline"):
        family.run(pipe, reflection=Reflection(weak=GUIDANCE, mode="cached"), denoising_end=0.5)


def test_schedulers_that_cannot_are_refused(pipe: object) -> None:
    pipe.scheduler = diffusers.HeunDiscreteScheduler()
    with pytest.raises(UnsupportedScheduler, match="HeunDiscreteScheduler evaluates the model"):
        frames(pipe, reflection=Reflection(weak=GUIDANCE))


def test_skip_layer_guidance_is_refused() -> None:
    family = tiny.FAMILIES["StableDiffusion3Pipeline"]
    pipe = as_reflecting(family.make())
    with pytest.raises(UnsupportedSide, match="pass skip_guidance_layers=None"):
        family.run(pipe, skip_guidance_layers=[0], reflection=Reflection(weak=GUIDANCE))


def fused(pipe: Any) -> None:
    add_lora(pipe.unet)
    pipe.unet.fuse_lora()


def guided_by(**options: Any) -> Callable[[Any], None]:
    return lambda pipe: setattr(pipe, "guider", diffusers.ClassifierFreeGuidance(**options))


def one_block() -> diffusers.UNet2DConditionModel:
    return diffusers.UNet2DConditionModel(
        block_out_channels=(8,),
        down_block_types=("DownBlock2D",),
        up_block_types=("UpBlock2D",),
        norm_num_groups=4,
        cross_attention_dim=16,
    )


def unet(**changes: Any) -> diffusers.UNet2DConditionModel:
    """The tiny image UNet, but for something."""
    config = tiny.stable_diffusion().unet.config
    return diffusers.UNet2DConditionModel.from_config({**config, **changes})


class Own(diffusers.UNet2DConditionModel):
    """Somebody's own."""


class Wrapped(nn.Module):
    """A denoiser in something that knows of it what a pipeline asks for."""

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.inner = inner
        self.config, self.dtype, self.device = inner.config, inner.dtype, inner.device

    def forward(
        self, sample: Any, timestep: Any, encoder_hidden_states: Any, **more: Any
    ) -> object:
        return self.inner(sample, timestep, encoder_hidden_states, **more)


@pytest.mark.parametrize(
    "other",
    [
        lambda unet: Own.from_config(unet.config),
        Wrapped,
        lambda unet: torch.compile(unet, backend="eager"),
    ],
    ids=["own", "wrapped", "compiled"],
)
def test_denoisers_that_do_fit_are_taken(other: Callable[[Any], Any]) -> None:
    pipe = as_reflecting(tiny.stable_diffusion())
    weak = other(tiny.stable_diffusion().unet)
    assert set(sides._fitting(pipe, pipe.family, weak).values()) == {weak}
    if not hasattr(weak, "_orig_mod"):  # compiling takes long
        family = tiny.FAMILIES["StableDiffusionPipeline"]
        assert family.run(pipe, reflection=Reflection(weak=Side(denoiser=weak))).isfinite().all()


def test_a_mixture_of_experts_may_face_a_dense_model() -> None:
    pipe = as_reflecting(tiny.FAMILIES["DiTPipeline"].make())
    mixture = tiny.FAMILIES["DiTMoEPipeline"].make().transformer
    assert sides._fitting(pipe, pipe.family, mixture) == {"transformer": mixture}


@pytest.mark.parametrize("wrong", [{"weak": Side()}, Side(), {}, 0])
def test_what_is_no_reflection_is_refused(pipe: object, wrong: Any) -> None:
    with pytest.raises(
        TypeError, match=r"^reflection must be a Reflection or None, not .*; for exa"
    ):
        frames(pipe, reflection=wrong)
    with pytest.raises(TypeError, match="must be a Reflection or None"), reflect(pipe, wrong):
        pass


VIDEO = "AnimateDiffVideoToVideoPipeline"
TERMS = "LTX2Pipeline-all"  # guidance by further calls is on


# A tiny pipeline, what is done to it, the call, the weak side, and the sentence.
@pytest.mark.parametrize(
    ("key", "prepare", "call", "weak", "message"),
    [
        (
            VIDEO,
            lambda pipe: pipe.enable_free_init(),
            {},
            GUIDANCE,
            "FreeInit cannot reflect from a given video .* call pipe.disable_free_init()",
        ),
        *(
            (VIDEO, None, call, GUIDANCE, f"{next(iter(call))}= together with strength= cannot")
            for call in (
                {"timesteps": [900, 500]},
                {"sigmas": [9.0, 1.0]},
                {"enforce_inference_steps": True},
            )
        ),
        ("FluxPipeline-schnell", None, {}, GUIDANCE, "the one in this Flux.* takes none; let the"),
        (
            "HunyuanVideoImageToVideoPipeline",
            None,
            {},
            GUIDANCE,
            r"weak\.guidance_scale is the guidance that a model takes as an input, and the one in",
        ),
        (
            "StableDiffusionPipeline",
            None,
            {},
            Side(ip_adapter_scale=0.0),
            r"no IP-Adapter in the denoiser \(unet\); load one with pipe.load_ip_adapter",
        ),
        (
            "StableDiffusionControlNetPipeline",
            None,
            {},
            Side(controlnet_scale=[0.5, 0.0]),
            r"weak.controlnet_scale has 2 scales, and the pipeline 1 ControlNet; give one for each",
        ),
        (
            "DiTPipeline",
            None,
            {},
            Side(experts="worst"),
            r"the denoiser \(transformer\) is no mixture of experts: it has no top-k gate",
        ),
        (
            "AnimateDiffPipeline",
            fused,
            {},
            Side(adapters={"art": 0.5}),
            r"LoRA weights are fused into the model.*; call pipe\.unfuse_lora\(\) first",
        ),
        (
            "AnimateDiffPipeline",
            None,
            {},
            Side(denoiser=one_block()),
            r"the side's UNet has blocks \['DownBlock2D'\], which do not match the pipeline's",
        ),
        (
            "HunyuanVideo15Pipeline",
            lambda pipe: setattr(pipe, "guider", diffusers.AdaptiveProjectedGuidance()),
            {},
            GUIDANCE,
            "knows the guider ClassifierFreeGuidance .*, not AdaptiveProjectedGuidance; pass one",
        ),
        (
            "HunyuanVideo15Pipeline",
            guided_by(use_original_formulation=True),
            {},
            GUIDANCE,
            "with diffusers' own formula, not ClassifierFreeGuidance; pass one as pipe.guider",
        ),
        (
            "HunyuanVideo15Pipeline",
            guided_by(start=0.2),
            {},
            GUIDANCE,
            r"starts late or stops early cannot reflect; use ClassifierFreeGuidance\(start=0.0",
        ),
        (
            "HunyuanVideo15Pipeline",
            guided_by(guidance_scale=0.5),
            {},
            GUIDANCE,
            "a guider with guidance_scale=0.5 goes on making both calls, .* use 1 or more, or ena",
        ),
        (TERMS, None, {}, Side(guidance_scale=2.0), "guidance_scale can be 1 only; pass stg_scale"),
        *(
            (
                f"{name}Pipeline-ip",
                None,
                dict.fromkeys(images),
                Side(ip_adapter_scale=scale),
                "weak.ip_adapter_scale would have no effect: the call has no image; pass ip_ada",
            )
            for name, images in {
                "StableDiffusion3": ["ip_adapter_image_embeds"],
                "StableDiffusion": ["ip_adapter_image_embeds"],
                "Flux": ["ip_adapter_image_embeds", "negative_ip_adapter_image_embeds"],
            }.items()
            for scale in (0.0, 0.5)
        ),
        (
            "StableDiffusionPipeline",
            None,
            {},
            Side(denoiser=unet(cross_attention_dim=24)),
            "side's denoiser has cross_attention_dim=24, the pipeline's own cross_attention_dim=16",
        ),
        (
            "StableDiffusionPipeline",
            None,
            {},
            Side(denoiser=unet(in_channels=9)),
            "the side's denoiser has in_channels=9, the pipeline's own in_channels=4; give one of",
        ),
        (
            "AnimateDiffPipeline",
            None,
            {},
            Side(denoiser=tiny.FAMILIES["DiTPipeline"].make().transformer),
            "side's denoiser is a DiTTransformer2DModel, the pipeline's own a UNetMotionModel; g",
        ),
    ],
)
def test_what_cannot_be_done_is_said(
    key: str,
    prepare: Callable[[Any], None] | None,
    call: dict[str, Any],
    weak: Side,
    message: str,
) -> None:
    family = tiny.FAMILIES[key]
    pipe = as_reflecting(family.make())
    if prepare is not None:
        prepare(pipe)
    with pytest.raises(UnsupportedSide, match=message):
        family.run(pipe, reflection=Reflection(weak=weak), **call)


def unsupported() -> list[str]:
    """The pipelines that docs/families.md says are not supported."""
    text = (Path(__file__).parents[2] / "docs" / "families.md").read_text("utf-8")
    section = text.split("## Not supported\n")[1].split("\n## ")[0]
    return re.findall(r"`(\w+Pipeline)`", section)


@pytest.mark.parametrize("name", ["DDPMPipeline", *unsupported()])
def test_an_unknown_pipeline_is_refused(name: str) -> None:
    cls = getattr(diffusers, name)
    for enter in (as_reflecting, lambda pipe: reflect(pipe, None)):
        with pytest.raises(
            UnsupportedSide, match=f"^{name} cannot reflect; pipelines that can.*families.md"
        ):
            enter(object.__new__(cls))


def test_the_unsupported_pipelines_are_listed() -> None:
    assert {"HunyuanVideoFramepackPipeline", "LTXConditionPipeline"} <= set(unsupported())
    images = {"StableDiffusion3Img2Img", "FluxInpaint", "StableDiffusionPAG", "FluxControlNet"}
    assert {f"{name}Pipeline" for name in images} <= set(unsupported())


def test_no_warning_from_our_side(pipe: object) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        frames(pipe, reflection=Reflection(weak=GUIDANCE))
