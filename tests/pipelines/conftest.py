"""A stock AnimateDiff pipeline and a reflecting one, with the same weights."""

from __future__ import annotations

import pytest
from diffusers import AnimateDiffPipeline
from w2sd_video.pipelines import (
    AnimateDiffW2SDPipeline,
)

from .. import tiny


@pytest.fixture(scope="module")
def stock() -> AnimateDiffPipeline:
    return tiny.animatediff()


@pytest.fixture
def pipe() -> AnimateDiffW2SDPipeline:
    return tiny.animatediff(AnimateDiffW2SDPipeline)
