from __future__ import annotations

from pathlib import Path

import pytest

from ..tiny import animatediff


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny random AnimateDiffPipeline: everything real but the weights."""
    folder = tmp_path_factory.mktemp("tiny")
    animatediff().save_pretrained(folder)
    return folder
