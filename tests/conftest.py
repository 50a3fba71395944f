"""What all tests share."""

from __future__ import annotations

import os

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from w2sd_video.shapes import FOLDERS

# Until the embedded models are trained, what needs them can't run.
needs_weights = pytest.mark.skipif(
    not FOLDERS["video"].exists(), reason="the weights are in training"
)
