"""The image path on the same core."""

from __future__ import annotations

import pytest
import torch
from diffusers.callbacks import SDCFGCutoffCallback
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


def test_a_callback_that_ends_guidance() -> None:
    """Diffusers' cut-off of guidance: from then on there is one half only."""
    cutoff = SDCFGCutoffCallback(cutoff_step_ratio=None, cutoff_step_index=1)
    expected = tiny.stable_diffusion()(**call(callback_on_step_end=cutoff)).images
    pipe = tiny.stable_diffusion(StableDiffusionW2SDPipeline)
    weak = Side(guidance_scale=1.0, prompt="a ring")
    no_gap = Reflection(weak=weak, gap=0.0)
    got = pipe(**call(callback_on_step_end=cutoff), reflection=no_gap).images
    assert (got - expected).abs().max() <= 1e-5
    assert pipe.run.evaluations == 2 * (2 + 1 + 2) + 2 * 3


def test_embeddings_and_negative_prompts_of_the_call_hold_for_the_sides() -> None:
    pipe = tiny.stable_diffusion(StableDiffusionW2SDPipeline)
    weak = Reflection(weak=Side(prompt="a ring"))
    by_name = pipe(**call(negative_prompt="a cross"), reflection=weak).images
    positive, negative = pipe.encode_prompt("a red circle", "cpu", 1, True, "a cross")
    embeds = {"prompt_embeds": positive, "negative_prompt_embeds": negative, "prompt": None}
    assert torch.equal(pipe(**call(**embeds), reflection=weak).images, by_name)
    without = pipe(**call(), reflection=weak).images
    assert not torch.equal(without, by_name)
