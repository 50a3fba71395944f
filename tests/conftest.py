"""What all tests share."""

from __future__ import annotations

import os

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from w2sd_video.shapes import WEIGHTS

# Until the embedded models are trained, what needs them can't run.
needs_weights = pytest.mark.skipif(not WEIGHTS.exists(), reason="the weights are in training")
