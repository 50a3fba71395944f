"""Pairs in guidance of which one call would yield both outputs, and can't."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from w2sd_video.pipelines import UnsupportedSide, as_reflecting

from w2sd_video import Reflection, Side
from w2sd_video.core.reflection import Mode

from .. import tiny
from .animatediff import GUIDANCE


@pytest.mark.parametrize(
    ("key", "call", "message"),
    [
        (
            "LTX2Pipeline-all",
            {"audio_guidance_scale": 3.0},
            "mode='implicit' cannot take a pair in guidance",
        ),
        (
            "LTX2Pipeline",
            {"audio_guidance_scale": 5.0},
            "guidance_scale and audio_guidance_scale differ; name the guidance_scale of both",
        ),
    ],
)
def test_pairs_that_one_call_cannot_yield(key: str, call: dict[str, Any], message: str) -> None:
    family = tiny.FAMILIES[key]
    reflection = Reflection(strong=Side(), weak=GUIDANCE, mode="implicit")
    with pytest.raises(UnsupportedSide, match=message):
        family.run(as_reflecting(family.make()), reflection=reflection, **call)


@pytest.mark.parametrize("mode", ["implicit", "cached", "extrapolate"])
def test_a_pair_of_one_call_whose_guidance_is_rescaled(mode: Mode) -> None:
    """The strong side is the pipeline's own guidance, with all it does: one call hasn't got it."""
    family = tiny.FAMILIES["StableDiffusionPipeline"]
    pipe = as_reflecting(family.make())
    reflection = Reflection(weak=GUIDANCE, mode=mode)
    with pytest.raises(UnsupportedSide, match="in which guidance_rescale has no part; set it to 0"):
        family.run(pipe, reflection=reflection, guidance_rescale=0.7)
    named = replace(reflection, strong=Side(guidance_scale=5.0))
    for allowed in (named, replace(reflection, mode="exact")):
        assert family.run(pipe, reflection=allowed, guidance_rescale=0.7).isfinite().all()


def test_a_pair_of_one_call_where_the_model_rescales_by_itself() -> None:
    family = tiny.FAMILIES["LTX2Pipeline"]
    call = {"guidance_rescale": 0.7, "audio_guidance_rescale": 0.0}
    with pytest.raises(UnsupportedSide, match="in which guidance_rescale has no part"):
        family.run(
            as_reflecting(family.make()),
            reflection=Reflection(weak=GUIDANCE, mode="implicit"),
            **call,
        )
