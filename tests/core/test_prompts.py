"""A side's prompts take the place of all that the call has for them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from w2sd_video.pipelines.families import reflecting_class

from w2sd_video import Reflection, Side
from w2sd_video.core.family import UnsupportedSide
from w2sd_video.core.prompts import replaced

from .. import tiny
from ..pipelines.animatediff import frames
from ..pipelines.test_differences import by_hand, same

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


def with_free_noise() -> Any:
    pipe = tiny.animatediff(reflecting_class(tiny.FAMILIES["AnimateDiffPipeline"].stock))
    pipe.enable_free_noise(context_length=2)
    return pipe


@pytest.mark.parametrize(
    "prompt", ["a ring", ["a ring"], {0: "a ring", 1: "a cross"}], ids=["text", "list", "travel"]
)
@pytest.mark.parametrize("negative_prompt", [None, "a cross", {0: "a cross", 1: "a circle"}])
def test_free_noise_reads_a_side_s_prompts(prompt: Any, negative_prompt: Any) -> None:
    pipe = with_free_noise()
    read = "a ring" if prompt == ["a ring"] else prompt
    text, _ = pipe._encode_prompt_free_noise(read, 2, "cpu", 1, True, negative_prompt)
    expected = by_hand(pipe, lambda g, x, t, e: g(pipe.unet, x, t, 5.0, text))
    weak = Side(prompt=prompt, negative_prompt=negative_prompt)
    assert same(frames(pipe, reflection=Reflection(weak=weak)), expected)


def test_a_call_of_free_noise_keeps_its_prompts() -> None:
    call = {"prompt": {0: "a", 3: "b"}, "negative_prompt": "c"}
    assert replaced(call, None, "x", travel=True) == call | {"negative_prompt": "x"}
    assert replaced(call, {0: "y"}, None, travel=True) == call | {"prompt": {0: "y"}}
    with pytest.raises(UnsupportedSide, match="2 prompts where the call has 1"):
        replaced(call, ["y", "z"], None, travel=True)


def test_prompts_for_frames_need_free_noise() -> None:
    message = r"a dict of frames, which only FreeNoise reads; call pipe\.enable_free_noise\(\)"
    with pytest.raises(UnsupportedSide, match=message):
        replaced({"prompt": "a"}, {0: "y", 1: "z"}, None)


def test_a_side_s_prompts_open_no_other_device(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(device: Any) -> None:
        raise AssertionError(f"opened {device}")

    pipe = tiny.animatediff(reflecting_class(tiny.FAMILIES["AnimateDiffPipeline"].stock))
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_rng_state", fail)
    frames(pipe, reflection=Reflection(weak=Side(prompt="a ring")))
