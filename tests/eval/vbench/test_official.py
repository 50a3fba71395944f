"""Against the official VBench in its environment: `make nightly-vbench`."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from w2sd_video.eval.results import Results
from w2sd_video.eval.vbench.dimensions import FLICKERING, PAPER, chosen
from w2sd_video.eval.vbench.environment import python_of
from w2sd_video.eval.vbench.scoring import SOURCE, Request, evaluate
from w2sd_video.eval.vbench.suite import Suite, entries, rows

from .official import opened, said, write_clips


@pytest.fixture
def place() -> Path:
    return opened()


def decoded(place: Path, file: Path) -> np.ndarray:
    """Its frames by VBench's own decoder, ``(frames, height, width, 3)``."""
    code = (
        "import sys, cv2, numpy\n"
        "video, frames = cv2.VideoCapture(sys.argv[1]), []\n"
        "while (read := video.read())[0]:\n"
        "    frames.append(read[1])\n"
        "numpy.save(sys.argv[2], numpy.stack(frames))\n"
    )
    target = file.with_suffix(".npy")
    subprocess.run([str(python_of(place)), "-I", "-c", code, str(file), str(target)], check=True)
    return np.load(target)


def test_temporal_flickering_is_what_it_says_it_is(place: Path, tmp_path: Path) -> None:
    """1 minus the mean absolute difference of neighbouring frames, of 255."""
    clips = write_clips(tmp_path / "clips")
    report = evaluate(Request(clips, chosen([FLICKERING], ""), "custom", place, tmp_path), said)
    own = {}
    for clip in report.clips:
        frames = decoded(place, clip.path).astype(np.float64)
        differences = np.abs(np.diff(frames, axis=0)).mean(axis=(1, 2, 3))
        own[clip.content] = 1 - differences.mean() / 255
    with Results(clips) as results:
        official = results.of(FLICKERING, SOURCE)
    assert official == pytest.approx(own, abs=1e-6)
    assert len({round(value, 3) for value in own.values()}) == 3
    value, count = report.outcomes[0].values[""]
    assert (value, count) == (pytest.approx(np.mean([*own.values()]), abs=1e-6), 3)


def test_the_official_list_is_as_long_as_it_is_told_to_be(place: Path) -> None:
    def clips(suite: str) -> list[str]:
        return [row.data["prompt"] for row in rows(Suite.read(suite), folder=place)]

    listed = {entry.prompt: {*entry.dimensions} for entry in entries(place)}
    paper = {prompt for prompt, dimensions in listed.items() if dimensions & {*PAPER}}
    still = {prompt for prompt, dimensions in listed.items() if FLICKERING in dimensions}
    assert (len(listed), len(paper), len(still), len(paper & still)) == (944, 251, 75, 0)
    assert len(clips("vbench:temporal_flickering")) == 75 * 25
    assert len(clips("vbench")) == 251 * 5 + 75 * 25
    assert len(clips("vbench:all")) == (944 - 75) * 5 + 75 * 25
    sampled = clips("w2sd-200")
    assert len(sampled) == len({*sampled}) == 200
    assert {*sampled} < paper
