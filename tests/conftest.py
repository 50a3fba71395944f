"""What all tests share."""

from __future__ import annotations

import os

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from w2sd_video.shapes import FOLDERS


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """What runs remember is not the user's, and not another test's."""
    monkeypatch.setenv("W2SD_CACHE", str(tmp_path_factory.mktemp("cache")))


# Until the embedded models are trained, what needs them can't run.
needs_weights = pytest.mark.skipif(
    not FOLDERS["video"].exists(), reason="the weights are in training"
)
