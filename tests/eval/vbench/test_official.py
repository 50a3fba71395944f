"""Against the official VBench in its environment: `make nightly-vbench`, after
`w2sd-video vbench setup`."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from w2sd_video.eval.results import Results
from w2sd_video.eval.vbench import environment, weights
from w2sd_video.eval.vbench.dimensions import PAPER, STATIC, chosen
from w2sd_video.eval.vbench.scoring import SOURCE, Request, evaluate

from w2sd_video.render.errors import InputError
from w2sd_video.render.media.video import write_mp4

PLACE = environment.place()  # before a test's cache takes the place of the user's


def why_not() -> str:
    if not os.environ.get("W2SD_NIGHTLY_VBENCH"):
        return "run by: make nightly-vbench"
    try:
        environment.opened(PLACE)
    except InputError as error:
        return str(error)
    return ""


pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """A still clip, a moving one and a noisy one, 64 x 96 and five frames."""
    folder = tmp_path / "clips"
    folder.mkdir()
    noise = np.random.default_rng(0)
    y, x = np.mgrid[:64, :96]
    ground = np.stack([2 * x, 3 * y, 255 - x], axis=-1)
    for name, speed, grain in (("still-0", 0, 0), ("moving-0", 5, 0), ("noisy-0", 2, 40)):
        frames = []
        for t in range(5):
            frame = ground + noise.integers(-grain, grain + 1, ground.shape)
            frame[(x - 20 - speed * t) ** 2 + (y - 32) ** 2 < 100] = (255, 0, 0)
            frames.append(frame.clip(0, 255).astype(np.uint8))
        write_mp4(folder / f"{name}.mp4", np.stack(frames), 8, 12, {})
    return folder


def said(line: str) -> None:
    print(line, flush=True)


def decoded(file: Path) -> np.ndarray:
    """Its frames by VBench's own decoder, ``(frames, height, width, 3)``."""
    code = (
        "import sys, cv2, numpy\n"
        "video, frames = cv2.VideoCapture(sys.argv[1]), []\n"
        "while (read := video.read())[0]:\n"
        "    frames.append(read[1])\n"
        "numpy.save(sys.argv[2], numpy.stack(frames))\n"
    )
    target = file.with_suffix(".npy")
    python = str(environment.python_of(PLACE))
    subprocess.run([python, "-I", "-c", code, str(file), str(target)], check=True)
    return np.load(target)


def test_temporal_flickering_is_what_it_says_it_is(clips: Path, tmp_path: Path) -> None:
    """1 minus the mean absolute difference of neighbouring frames, of 255."""
    dimensions = chosen(["temporal_flickering"], "")
    report = evaluate(Request(clips, dimensions, "custom", PLACE, tmp_path), said)
    own = {}
    for clip in report.clips:
        frames = decoded(clip.path).astype(np.float64)
        differences = np.abs(np.diff(frames, axis=0)).mean(axis=(1, 2, 3))
        own[clip.content] = 1 - differences.mean() / 255
    with Results(clips) as results:
        official = results.of("temporal_flickering", SOURCE)
    assert official == pytest.approx(own, abs=1e-6)
    assert len({round(value, 3) for value in own.values()}) == 3
    value, count = report.outcomes[0].values[""]
    assert (value, count) == (pytest.approx(np.mean([*own.values()]), abs=1e-6), 3)


def test_the_six_quality_dimensions_are_wired(clips: Path, tmp_path: Path) -> None:
    """WIRING ONLY. The weights are random, so the values say nothing: what is shown is that files,
    modules and results come together offline, from end to end."""
    folder = tmp_path / "weights"
    script = Path(__file__).with_name("wiring.py")
    subprocess.run([str(environment.python_of(PLACE)), "-I", str(script), str(folder)], check=True)
    for name in (*PAPER, STATIC):
        assert weights.missing(name, folder) == []
    report = evaluate(Request(clips, chosen(PAPER, ""), "custom", PLACE, folder), said)
    reasons = {outcome.name: outcome.reasons for outcome in report.outcomes if outcome.code}
    assert reasons == {}
    assert {outcome.values[""][1] for outcome in report.outcomes} == {3}
