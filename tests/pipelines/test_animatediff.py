"""AnimateDiffW2SDPipeline: what it costs, and when it changes nothing."""

from __future__ import annotations

import copy

import pytest
import torch

from w2sd_video import Reflection, Side
from w2sd_video.core.reflection import MODES

from .animatediff import GUIDANCE, frames


@pytest.mark.parametrize(
    "reflection", [None, *(Reflection(weak=GUIDANCE, steps=s) for s in (0, 0.0))]
)
def test_no_steps_is_bit_for_bit_stock(
    stock: object, pipe: object, reflection: Reflection | None
) -> None:
    assert torch.equal(frames(pipe, reflection=reflection), frames(stock))


@pytest.mark.parametrize("mode", MODES)
def test_reflection_changes_the_clip_and_counts_what_it_costs(
    stock: object, pipe: object, mode: str
) -> None:
    reflection = Reflection(weak=GUIDANCE, steps=0.5, mode=mode)
    clip = frames(pipe, steps=6, reflection=reflection)
    assert not torch.equal(clip, frames(stock, steps=6))
    assert pipe.run.evaluations == reflection.cost(5.0, 6)
    assert pipe.run.steps == 6


def test_costs_per_step_of_a_guidance_and_a_weights_pair(pipe: object) -> None:
    other = copy.deepcopy(pipe.unet)
    measured = {}
    for mode in MODES:
        row = []
        for weak in (GUIDANCE, Side(denoiser=other), Side(denoiser=other, guidance_scale=1.0)):
            frames(pipe, steps=3, reflection=Reflection(weak=weak, steps=2, mode=mode))
            row.append((pipe.run.evaluations - 2) / 2)  # one plain step is among the three
        measured[mode] = row
    assert measured == {
        "exact": [5, 6, 5],  # the published code pays 6 for the first
        "official": [5, 6, 5],
        "implicit": [4, 6, 5],
        "cached": [2, 4, 3],
        "extrapolate": [2, 4, 3],
    }


@pytest.mark.parametrize("mode", ["implicit", "cached", "extrapolate"])
def test_equal_sides_at_one_latent_are_stock(stock: object, pipe: object, mode: str) -> None:
    # In exact and official the weak output belongs to another latent: see the mixtures.
    twin = copy.deepcopy(pipe.unet)
    reflected = frames(pipe, reflection=Reflection(weak=Side(denoiser=twin), mode=mode))
    assert (reflected - frames(stock)).abs().max() == 0.0


def test_forced_equal_outputs_are_stock(stock: object, pipe: object) -> None:
    outputs: list[torch.Tensor] = []

    def replay(module: object, args: object, output: object) -> object:
        if len(outputs) % 3 == 1:  # the weak call
            output.sample = outputs[-1]
        outputs.append(output.sample)
        return output

    with pipe.unet.register_forward_hook(replay):
        reflected = frames(pipe, reflection=Reflection(weak=Side(guidance_scale=5.0)))
    assert len(outputs) == 12
    assert (reflected - frames(stock)).abs().max() == 0.0
