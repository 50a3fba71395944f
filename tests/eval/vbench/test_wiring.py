"""WIRING ONLY: `make nightly-vbench-wiring`. The weights are random, so that the values say
nothing: what is shown is that files, modules and results come together offline, from end to end."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from w2sd_video.eval.results import Results
from w2sd_video.eval.vbench import weights
from w2sd_video.eval.vbench.dimensions import FLICKERING, PAPER, STATIC, chosen
from w2sd_video.eval.vbench.environment import python_of
from w2sd_video.eval.vbench.scoring import SOURCE, Request, evaluate
from w2sd_video.eval.vbench.suite import entries

from .official import opened, said, write_clips


@pytest.fixture(scope="module")
def place() -> Path:
    return opened()


@pytest.fixture(scope="module")
def files(place: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights."""
    folder = tmp_path_factory.mktemp("weights")
    script = Path(__file__).with_name("wiring.py")
    subprocess.run([str(python_of(place)), "-I", str(script), str(folder)], check=True)
    for name in (*PAPER, STATIC):
        assert weights.missing(name, folder) == []
    return folder


def test_the_six_quality_dimensions(place: Path, files: Path, tmp_path: Path) -> None:
    clips = write_clips(tmp_path / "clips")
    report = evaluate(Request(clips, chosen(PAPER, ""), "custom", place, files), said)
    reasons = {outcome.name: outcome.reasons for outcome in report.outcomes if outcome.code}
    assert reasons == {}
    assert {outcome.values[""][1] for outcome in report.outcomes} == {3}


def test_the_static_filter(place: Path, files: Path, tmp_path: Path) -> None:
    clips = [*write_clips(tmp_path / "clips").glob("*.mp4")]
    prompts = [entry.prompt for entry in entries(place) if FLICKERING in entry.dimensions]
    folder = tmp_path / "standard"
    folder.mkdir()
    for i, prompt in enumerate(prompts):  # the same three: each is looked at once
        shutil.copy(clips[i % 3], folder / f"{prompt}-0.mp4")
    report = evaluate(Request(folder, chosen([FLICKERING], ""), "standard", place, files), said)
    with Results(folder) as results:
        still = results.of(STATIC, f"{SOURCE}, weights {weights.fingerprint(STATIC, files)}")
    assert len(still) == 3
    assert {*still.values()} <= {0.0, 1.0}
    # What random weights take for still is theirs.
    [outcome] = report.outcomes
    assert outcome.reasons in ([], ["the official filter finds none of 75 clips still"])
