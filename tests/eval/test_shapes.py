"""The shapes world's own scorer on files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from w2sd_video.eval.results import Results
from w2sd_video.eval.shapes import METRICS, SOURCE, evaluate

from w2sd_video.render.errors import InputError
from w2sd_video.render.media.video import write_mp4
from w2sd_video.shapes.world import Scene, sample_clip

from .noise import write_clip

PROMPT = "a red circle moving left on a white background"


def draw(path: Path, prompt: str, shown: str, seed: int = 0) -> None:
    """A clip of what is ``shown``, named by another prompt perhaps."""
    scene = Scene.parse(shown)
    assert scene
    pixels = sample_clip(scene, np.random.default_rng(seed))
    write_mp4(path / f"{prompt}-{seed}.mp4", pixels, 8, 0, {})


def silent(line: str) -> None:
    pass


def test_right_and_wrong(tmp_path: Path) -> None:
    draw(tmp_path, PROMPT, PROMPT)
    draw(tmp_path, PROMPT, PROMPT.replace("red", "blue"), 1)
    write_clip(tmp_path / "a dog-0.mp4")
    report = evaluate(tmp_path, silent)
    assert (report.clips, report.scored, report.others) == (2, 2, 1)
    means = {name: value for name, (value, _) in report.means[""].items()}
    assert {*means} == {*METRICS}
    assert means["right"] == means["color"] == 0.5
    assert means["motion"] == means["shape"] == means["count"] == 1.0
    assert means["dynamic"] > 0.5  # pixels a frame
    assert means["jitter"] < 0.5
    with Results(tmp_path) as results:
        assert sorted(results.of("right", SOURCE).values()) == [0.0, 1.0]
    again = evaluate(tmp_path, silent)
    assert again.scored == 0
    assert again.means == report.means


def test_other_clips(tmp_path: Path) -> None:
    write_clip(tmp_path / "a dog-0.mp4")
    with pytest.raises(InputError, match="no clip whose prompt is of the shapes world"):
        evaluate(tmp_path, silent)
    write_clip(tmp_path / f"{PROMPT}-0.mp4")
    with pytest.raises(InputError, match="is no clip of the shapes world: a clip must be"):
        evaluate(tmp_path, silent)
