"""Several ControlNets, and guess mode, in which they see the conditional half only."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor
from w2sd_video.pipelines import StableDiffusionControlNetW2SDPipeline

from w2sd_video import Reflection, Side
from w2sd_video.core.reflection import MODES

from .. import tiny
from ..tiny.parts import picture
from ..tiny.unet import SIZE
from .by_hand import GAP, REFLECTED, SD, Scale, prompts, same

KEY = "StableDiffusionControlNetPipeline"


def pipeline(nets: int) -> Any:
    pipe = tiny.FAMILIES[KEY].make(StableDiffusionControlNetW2SDPipeline)
    if nets > 1:
        parts = pipe.components | {
            "controlnet": [copy.deepcopy(pipe.controlnet) for _ in range(nets)]
        }
        pipe = type(pipe)(**parts, requires_safety_checker=False)
        pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.mark.parametrize("mode", MODES)
def test_two_nets_add_up(mode: str) -> None:
    """The same net twice is the one at the sum of the scales; a side's scale is of each."""

    def run(nets: int, weak: float, **call: Any) -> Tensor:
        reflection = Reflection(weak=Side(controlnet_scale=weak), mode=mode, steps=2)
        return tiny.FAMILIES[KEY].run(pipeline(nets), steps=3, reflection=reflection, **call)

    images = [picture(SIZE)] * 2
    both = run(2, 0.2, image=images, controlnet_conditioning_scale=[0.3, 0.5])
    one = run(1, 0.4, controlnet_conditioning_scale=0.8)
    assert same((both,), (one,))
    other = run(2, 0.0, image=images, controlnet_conditioning_scale=[0.3, 0.5])
    assert not same((both,), (other,))


@pytest.mark.parametrize("mode", MODES)
def test_a_side_may_scale_each_net(mode: str) -> None:
    def run(nets: int, weak: Any, **call: Any) -> Tensor:
        reflection = Reflection(weak=Side(controlnet_scale=weak), mode=mode, steps=2)
        return tiny.FAMILIES[KEY].run(pipeline(nets), steps=3, reflection=reflection, **call)

    seen = picture(SIZE)
    images = [seen.rotate(90), seen]
    both = run(2, [0.0, 0.4], image=images, controlnet_conditioning_scale=[0.0, 0.8])
    one = run(1, 0.4, image=seen, controlnet_conditioning_scale=0.8)
    assert same((both,), (one,))
    other = run(2, [0.4, 0.0], image=images, controlnet_conditioning_scale=[0.0, 0.8])
    assert not same((both,), (other,))


class Guessing(SD):
    """The net sees the conditional half only, and its deeper residuals count for more."""

    def denoise(self, x: Tensor, t: Tensor, side: Side) -> tuple[Tensor, Tensor, Scale]:
        prompt, negative = prompts(side)
        c, u = self.pipe.encode_prompt(prompt, "cpu", 1, True, negative)
        scale = 1.0 if side.controlnet_scale is None else side.controlnet_scale
        image = self.pipe.prepare_image(
            picture(SIZE), SIZE, SIZE, 1, 1, "cpu", torch.float32, guess_mode=True
        )
        down, middle = self.pipe.controlnet(
            x, t, c, image, scale, guess_mode=True, return_dict=False
        )
        unet = self.modules(side)[0]
        conditional = unet(
            x,
            t,
            c,
            down_block_additional_residuals=down,
            mid_block_additional_residual=middle,
        ).sample
        return conditional, unet(x, t, u).sample, self.scale


@pytest.mark.parametrize("mode", MODES)
def test_guess_mode_equals_the_plain_loop(mode: str) -> None:
    hand = Guessing(KEY)
    sides = (
        Side(controlnet_scale=0.0),
        Side(controlnet_scale=0.4, prompt="a ring"),
        Side(controlnet_scale=0.4, guidance_scale=1.0),
        Side(guidance_scale=0.0),
    )
    for weak in sides:
        reflection = Reflection(weak=weak, steps=REFLECTED, mode=mode, gap=GAP)
        got = hand.run(reflection, guess_mode=True)
        assert same(got, hand.sample(Side(), weak, mode)), weak
