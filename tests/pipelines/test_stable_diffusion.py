"""The image path on the same core."""

from __future__ import annotations

import pytest
import torch
from w2sd_video.pipelines import StableDiffusionW2SDPipeline

from w2sd_video import Reflection, Side, reflect
from w2sd_video.core.reflection import MODES

from .. import tiny


def call(**changes: object) -> dict[str, object]:
    arguments = tiny.call(**changes)
    del arguments["num_frames"]
    return arguments


@pytest.mark.parametrize("mode", MODES)
def test_images_reflect_and_count(mode: str) -> None:
    stock = tiny.stable_diffusion()
    plain = stock(**call()).images
    pipe = StableDiffusionW2SDPipeline.from_pipe(
        stock, safety_checker=None, requires_safety_checker=False
    )
    pipe.set_progress_bar_config(disable=True)
    reflection = Reflection(weak=Side(guidance_scale=1.0), mode=mode)
    image = pipe(**call(), reflection=reflection).images
    assert pipe.run.evaluations == reflection.cost(5.0, 4)
    assert not torch.equal(image, plain)
    assert torch.equal(pipe(**call()).images, plain)
    with reflect(stock, reflection):
        assert torch.equal(stock(**call()).images, image)


def test_several_images_a_prompt_with_another_weak_prompt() -> None:
    pipe = tiny.stable_diffusion(StableDiffusionW2SDPipeline)
    weak = Reflection(weak=Side(prompt="a ring"))
    two = pipe(**call(num_images_per_prompt=2), reflection=weak).images
    assert two.shape[0] == 2
    assert pipe.run.evaluations == 2 * weak.cost(5.0, 4)
    rescaled = pipe(**call(guidance_rescale=0.7), reflection=weak).images
    assert torch.isfinite(rescaled).all()
