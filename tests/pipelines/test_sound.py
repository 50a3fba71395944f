"""LTX-2's sound: latents of its own, which reflect as the video's do.

``test_by_hand`` has both against the method written out.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from w2sd_video.pipelines import reflect

from w2sd_video import Reflection, Side
from w2sd_video.core.reflection import MODES

from .test_families import (
    NO_GUIDANCE,
    RESCALED,
    ROUNDING,
    WITHOUT_RESCALING,
    Subject,
    difference,
    identity,
)


@pytest.fixture(scope="module", params=sorted(RESCALED))
def subject(request: pytest.FixtureRequest) -> Subject:
    """Of whose calls the sound is looked at."""
    subject = Subject(request.param)
    subject.tiny = replace(subject.tiny, output="audio")
    return subject


def test_no_steps_is_bit_for_bit_stock(subject: Subject) -> None:
    expected = subject.run(subject.stock)
    nothing = Reflection(weak=subject.other(), steps=0)
    assert torch.equal(subject.run(), expected)
    assert torch.equal(subject.run(reflection=nothing), expected)
    with reflect(subject.stock, nothing):
        assert torch.equal(subject.run(subject.stock), expected)


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "official"])
def test_equal_sides_are_stock(subject: Subject, mode: str) -> None:
    if mode == "exact":
        assert identity(subject, mode, **WITHOUT_RESCALING) <= ROUNDING
    else:
        assert identity(subject, mode) == 0.0


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "official"])
@pytest.mark.parametrize("subject", sorted({*RESCALED} - NO_GUIDANCE), indirect=True)
def test_guidance_of_a_side_is_that_of_the_sound_too(subject: Subject, mode: str) -> None:
    """Where the call has another for it, and no matter how many calls give both outputs."""
    own = tuple(subject.family.modules(subject.pipe).values())
    strong, weak = Side(guidance_scale=3.0), Side(guidance_scale=1.5)
    calls = [
        Reflection(strong, weak, mode=mode),
        Reflection(replace(strong, denoiser=own), weak, mode=mode),
    ]
    one, two = (subject.run(reflection=r, audio_guidance_scale=6.0) for r in calls)
    assert difference(one, two) <= 1e-4
    plain = subject.run(subject.stock, audio_guidance_scale=6.0)
    assert difference(one, plain) > 1e-3
