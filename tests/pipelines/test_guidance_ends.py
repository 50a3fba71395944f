"""A callback may end guidance half-way, also where the two halves are two calls of the denoiser."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from w2sd_video.pipelines import as_reflecting

from w2sd_video import Reflection, Side
from w2sd_video.core.reflection import Mode

from .. import tiny


def end(pipe: Any, *_: object) -> dict[str, object]:
    pipe._guidance_scale = 1.0
    return {}


@pytest.mark.parametrize("scale", [0.0, 1.0, 3.0])
@pytest.mark.parametrize(("mode", "pushes"), [("implicit", 1), ("extrapolate", 1), ("cached", 2)])
def test_from_then_on_a_pair_in_guidance_is_equal(mode: Mode, pushes: int, scale: float) -> None:
    """Steps after the first push no more (in mode cached its push comes a step later)."""
    family = tiny.FAMILIES["WanPipeline"]

    def sampled(steps: int) -> torch.Tensor:
        pipe = as_reflecting(family.make())
        reflection = Reflection(weak=Side(guidance_scale=scale), steps=steps, mode=mode)
        made = family.run(pipe, steps=4, reflection=reflection, callback_on_step_end=end)
        assert isinstance(made, torch.Tensor)
        return made

    expected = sampled(pushes)
    assert expected.isfinite().all()
    assert torch.allclose(sampled(4), expected, atol=1e-5)
    assert not torch.allclose(sampled(0), expected, atol=1e-4)


@pytest.mark.parametrize("key", ["WanPipeline", "StableDiffusionPipeline"])
@pytest.mark.parametrize("scale", [None, 0.0, 1.0, 3.0])
def test_both_sides_are_conditional_then(key: str, scale: float | None) -> None:
    family, calls = tiny.FAMILIES[key], []
    pipe = as_reflecting(family.make())
    tensors = {}
    if key == "StableDiffusionPipeline":
        tensors = {"callback_on_step_end_tensor_inputs": ["latents", "prompt_embeds"]}

    def ends(pipe: Any, i: int, t: Any, given: dict[str, Any]) -> dict[str, Any]:
        calls.append(pipe.run.evaluations)
        pipe._guidance_scale = 1.0
        if i or not tensors:
            return {}
        return {"prompt_embeds": given["prompt_embeds"][-1:]}

    weak = Side(guidance_scale=scale, prompt="a ring")
    reflection = Reflection(weak=weak)
    made = family.run(pipe, steps=3, reflection=reflection, callback_on_step_end=ends, **tensors)
    assert made.isfinite().all()
    assert [b - a for a, b in pairwise(calls)] == [3, 3]
