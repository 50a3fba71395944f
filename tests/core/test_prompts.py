"""A side's prompts take the place of all that the call has for them."""

from __future__ import annotations

from typing import Any

import pytest
from w2sd_video.pipelines.families import reflecting_class

from w2sd_video import Reflection, Side
from w2sd_video.core.prompts import replaced

from .. import tiny

SEVERAL = ("StableDiffusionXLPipeline", "StableDiffusion3Pipeline", "FluxPipeline")


def test_what_the_call_has_for_other_encoders_makes_way() -> None:
    call = {"prompt": "a", "prompt_2": "b", "prompt_3": "c", "negative_prompt": "d"}
    call |= {"negative_prompt_2": "e", "num_frames": 2}
    assert replaced(call, "x", None) == call | {
        "prompt": ["x"],
        "prompt_2": None,
        "prompt_3": None,
        "negative_prompt": ["d"],
    }
    assert replaced(call, None, "x") == call | {
        "prompt": ["a"],
        "negative_prompt": ["x"],
        "negative_prompt_2": None,
    }


@pytest.mark.parametrize("key", SEVERAL)
def test_all_text_encoders_read_a_side_s_prompt(key: str) -> None:
    family = tiny.FAMILIES[key]
    pipe = family.make(reflecting_class(family.stock))

    def run(**call: Any) -> Any:
        weak = Reflection(weak=Side(prompt="a ring"))
        return family.run(pipe, steps=2, reflection=weak, prompt="a ring", **call)

    same = Reflection(weak=Side())
    other = family.run(pipe, steps=2, reflection=same, prompt="a ring", prompt_2="a gray square")
    with_both = run(prompt_2="a gray square")
    assert not (with_both - other).abs().max() <= 1e-4  # the weak side has no square
