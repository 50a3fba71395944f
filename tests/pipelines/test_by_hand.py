"""Pipelines give what the method written out as a plain loop does: every mode and pair of sides,
and everything at once.
"""

from __future__ import annotations

from typing import Any

import pytest
from torch import Tensor

from w2sd_video import Reflection, Side
from w2sd_video.core.reflection import MODES

from .. import tiny
from .by_hand import GAP, HANDS, LTX2, REFLECTED, SD, STEPS, ByHand, Scale, same


@pytest.fixture(scope="module", params=HANDS)
def hand(request: pytest.FixtureRequest) -> ByHand:
    return HANDS[request.param](request.param)


OTHER = tiny.unet(seed=3)
SIDES = {
    "as the call": Side(),
    "guidance 0": Side(guidance_scale=0.0),
    "guidance 3": Side(guidance_scale=3.0),
    "weights": Side(denoiser=OTHER),
    "weights, guidance 1": Side(denoiser=OTHER, guidance_scale=1.0),
}


@pytest.mark.parametrize("scale", [5.0, 1.0, 0.0])
@pytest.mark.parametrize("mode", MODES)
def test_every_pair_equals_the_plain_loop(mode: str, scale: float) -> None:
    hand = SD("StableDiffusionPipeline")
    hand.scale = max(scale, 1.0)  # below it diffusers does not guide
    for strong_name, strong in SIDES.items():
        for weak_name, weak in SIDES.items():
            reflection = Reflection(strong, weak, steps=REFLECTED, mode=mode, gap=GAP)
            got = hand.run(reflection, guidance_scale=scale)
            assert same(got, hand.sample(strong, weak, mode)), (strong_name, weak_name)
            spent = hand.pipe.run.evaluations
            assert spent == reflection.cost(scale, STEPS), (strong_name, weak_name)


class Lowered(SD):
    """A callback lowers the guidance after the first step."""

    def denoise(self, x: Tensor, t: Tensor, side: Side) -> tuple[Tensor, Tensor, Scale]:
        c, u, _ = super().denoise(x, t, side)
        return c, u, self.scale if t == self.scheduler.timesteps[0] else 2.0


@pytest.mark.parametrize("mode", MODES)
def test_sides_follow_guidance_that_a_callback_changes(mode: str) -> None:
    def lower(pipe: Any, step: int, t: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        pipe._guidance_scale = 2.0
        return {}

    hand = Lowered("StableDiffusionPipeline")
    for strong in (Side(), Side(guidance_scale=3.0)):
        weak = Side(denoiser=OTHER)
        reflection = Reflection(strong, weak, steps=REFLECTED, mode=mode, gap=GAP)
        got = hand.run(reflection, callback_on_step_end=lower)
        assert same(got, hand.sample(strong, weak, mode)), strong
        assert not same(got, hand.run(reflection)), strong


@pytest.mark.parametrize("mode", ["exact", "implicit", "cached", "extrapolate"])
def test_combined_differences_equal_the_plain_loop(hand: ByHand, mode: str) -> None:
    for strong, weak in hand.pairs:
        reflection = Reflection(strong, weak, steps=REFLECTED, mode=mode, gap=GAP)
        assert same(hand.run(reflection), hand.sample(strong, weak, mode)), (strong, weak)


@pytest.mark.parametrize("mode", ["exact", "implicit", "cached", "extrapolate"])
def test_sound_reflects_as_the_video_does(mode: str) -> None:
    """Of a pair in guidance, which both of them take from the side, one call gives everything."""
    hand = LTX2("LTX2Pipeline")
    strong, weak = Side(guidance_scale=4.0), Side(guidance_scale=1.5)
    reflection = Reflection(strong, weak, steps=REFLECTED, mode=mode, gap=GAP)
    assert same(hand.run(reflection), hand.sample(strong, weak, mode))
