"""What cannot be done is refused by name, before anything is sampled."""

from __future__ import annotations

import copy
import warnings

import diffusers
import pytest
from w2sd_video.pipelines import (
    UnsupportedScheduler,
    UnsupportedSide,
    as_reflecting,
)

from w2sd_video import Reflection, Side, reflect

from .. import tiny
from .animatediff import GUIDANCE, frames, state_of


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


def test_schedulers_that_cannot_are_refused(pipe: object) -> None:
    pipe.scheduler = diffusers.HeunDiscreteScheduler()
    with pytest.raises(UnsupportedScheduler, match="HeunDiscreteScheduler evaluates the model"):
        frames(pipe, reflection=Reflection(weak=GUIDANCE))


def test_skip_layer_guidance_is_refused() -> None:
    family = tiny.FAMILIES["StableDiffusion3Pipeline"]
    pipe = as_reflecting(family.make())
    with pytest.raises(UnsupportedSide, match="pass skip_guidance_layers=None"):
        family.run(pipe, skip_guidance_layers=[0], reflection=Reflection(weak=GUIDANCE))


def test_an_unknown_pipeline_is_refused() -> None:
    unknown = diffusers.DDPMPipeline(unet=tiny.unet(), scheduler=diffusers.DDPMScheduler())
    with pytest.raises(UnsupportedSide, match="DDPMPipeline cannot reflect; pipelines that can"):
        reflect(unknown, None)


def test_no_warning_from_our_side(pipe: object) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        frames(pipe, reflection=Reflection(weak=GUIDANCE))
