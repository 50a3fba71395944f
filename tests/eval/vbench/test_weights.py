"""Missing weights are named before anything is run."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from w2sd_video.eval.vbench import weights
from w2sd_video.eval.vbench.dimensions import DIMENSIONS, STATIC


def test_every_dimension_is_listed() -> None:
    assert {*weights.WEIGHTS} == {*DIMENSIONS, STATIC}


def row(file: weights.Weight) -> str:
    """A file in the table of docs/vbench.md: its megabytes, where it is to be had, and for what."""
    source = f"[{urlsplit(file.source).netloc}]({file.source})"
    how = f", {file.fetched_as}" if file.fetched_as else ""
    users = [name.replace("_", " ") for name, files in weights.WEIGHTS.items() if file in files]
    return f"| `{file.path}` | {file.size:g} | {source}{how} | {', '.join(users)} |"


def test_the_page_names_every_file() -> None:
    page = Path(__file__).parents[3].joinpath("docs", "vbench.md").read_text("utf-8")
    files = dict.fromkeys(chain(*weights.WEIGHTS.values()))
    assert [line for line in page.splitlines() if line.startswith("| `")] == [*map(row, files)]


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


def test_a_copy_that_broke_off_is_named(tmp_path: Path) -> None:
    file = tmp_path / "amt_model" / "amt-s.pth"
    file.parent.mkdir()
    file.write_bytes(bytes(10_700_000))
    assert "incomplete (10.7 MB)" in weights.missing("motion_smoothness", tmp_path)[0]


def test_bert_is_what_transformers_needs_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bert = tmp_path / "huggingface" / "hub" / "models--bert-base-uncased"
    snapshot = bert / "snapshots" / "86b5e0934494bd15c9632b12f734a8a67f723594"
    snapshot.mkdir(parents=True)

    def lacking(name: str) -> list[str]:
        found = weights.missing(name, tmp_path)
        return [line.split(f"{bert}/")[1].split(",")[0] for line in found if str(bert) in line]

    assert lacking("color") == ["refs/main", "snapshots/*/vocab.txt"]
    assert lacking("scene") == [*lacking("color"), "snapshots/*/*model.[bs]*"]
    (bert / "refs").mkdir()
    (bert / "refs" / "main").write_text(snapshot.name)
    (snapshot / "vocab.txt").write_bytes(bytes(231_508))
    assert lacking("color") == []
    for other in ("tf_model.h5", "flax_model.msgpack"):
        (snapshot / other).touch()
    for name in ("pytorch_model.bin", "model.safetensors"):
        assert lacking("scene") == ["snapshots/*/*model.[bs]*"]
        with (snapshot / name).open("wb") as stream:
            stream.truncate(440_000_000)  # takes no room
        assert lacking("scene") == []
        (snapshot / name).unlink()


def test_where_they_are_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VBENCH_CACHE_DIR", str(tmp_path / "named"))
    assert weights.root() == tmp_path / "named"
    assert weights.root(tmp_path) == tmp_path
    monkeypatch.delenv("VBENCH_CACHE_DIR")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert weights.root() == tmp_path / ".cache" / "vbench"
    assert weights.variables(tmp_path) == {"VBENCH_CACHE_DIR": str(tmp_path)}
    (tmp_path / "huggingface").mkdir()
    variables = weights.variables(tmp_path)
    assert variables["HF_HOME"] == str(tmp_path / "huggingface")
    # The transformers of VBench's age prefer each of these, which a cluster's shell may have.
    for name in ("TRANSFORMERS_CACHE", "PYTORCH_TRANSFORMERS_CACHE", "HUGGINGFACE_HUB_CACHE"):
        assert variables[name] == str(tmp_path / "huggingface" / "hub")
