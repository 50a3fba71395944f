from __future__ import annotations

from pathlib import Path

import pytest

from w2sd_video.render.record.folder import open_folder
from w2sd_video.render.run import run

from .listed import listed, pixels


@pytest.fixture(scope="session")
def here(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of the list, rendered in this process."""
    folder = tmp_path_factory.mktemp("here")
    with open_folder(folder) as ledger:
        run(listed(tiny), folder, ledger, lambda step: None, lambda result: None)
    return pixels(folder)
