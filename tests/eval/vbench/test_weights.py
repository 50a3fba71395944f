"""Missing weights are named before anything is run."""

from __future__ import annotations

from pathlib import Path

import pytest
from w2sd_video.eval.vbench import weights
from w2sd_video.eval.vbench.dimensions import DIMENSIONS, STATIC


def test_every_dimension_is_listed() -> None:
    assert {*weights.WEIGHTS} == {*DIMENSIONS, STATIC}


def test_missing_and_incomplete_files_are_named(tmp_path: Path) -> None:
    [line] = weights.missing("motion_smoothness", tmp_path)
    assert line == (
        f"missing: {tmp_path}/amt_model/amt-s.pth, about 12 MB,"
        " from https://huggingface.co/lalala125/AMT/resolve/main/amt-s.pth"
    )
    assert len(weights.missing("subject_consistency", tmp_path)) == 2
    assert weights.missing("temporal_flickering", tmp_path) == []
    file = tmp_path / "amt_model" / "amt-s.pth"
    file.parent.mkdir()
    file.write_bytes(bytes(1_000_000))
    assert "incomplete (1.0 MB)" in weights.missing("motion_smoothness", tmp_path)[0]
    file.write_bytes(bytes(11_900_000))
    assert weights.missing("motion_smoothness", tmp_path) == []


def test_where_they_are_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VBENCH_CACHE_DIR", str(tmp_path / "named"))
    assert weights.root() == tmp_path / "named"
    assert weights.root(tmp_path) == tmp_path
    monkeypatch.delenv("VBENCH_CACHE_DIR")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert weights.root() == tmp_path / ".cache" / "vbench"
    assert weights.variables(tmp_path) == {"VBENCH_CACHE_DIR": str(tmp_path)}
    (tmp_path / "huggingface").mkdir()
    assert weights.variables(tmp_path)["HF_HOME"] == str(tmp_path / "huggingface")
