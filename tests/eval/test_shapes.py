"""The shapes world's own scorer on files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from w2sd_video.eval.results import Results
from w2sd_video.eval.shapes import METRICS, evaluate

from w2sd_video.render.errors import InputError
from w2sd_video.render.media.video import write_mp4
from w2sd_video.shapes.world import Scene, sample_clip

from ..conftest import Call
from .compare.runs import BASE, run
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
        assert sorted(results.of_metric("right").values()) == [0.0, 1.0]
    again = evaluate(tmp_path, silent)
    assert again.scored == 0
    assert again.means == report.means


def test_a_file_that_gets_another_name_is_scored_again(tmp_path: Path) -> None:
    """Its name is the prompt, on which its scores depend."""
    wrong = PROMPT.replace("red", "blue")
    draw(tmp_path, wrong, PROMPT)
    assert evaluate(tmp_path, silent).means[""]["right"] == (0.0, 1)
    (tmp_path / f"{wrong}-0.mp4").rename(tmp_path / f"{PROMPT}-0.mp4")
    again = evaluate(tmp_path, silent)
    assert (again.scored, again.means[""]["right"]) == (1, (1.0, 1))
    (tmp_path / f"{wrong}-0.mp4").write_bytes((tmp_path / f"{PROMPT}-0.mp4").read_bytes())
    both = evaluate(tmp_path, silent)
    assert (both.scored, both.means[""]["right"]) == (0, (0.5, 2))


def test_other_clips(tmp_path: Path) -> None:
    write_clip(tmp_path / "a dog-0.mp4")
    with pytest.raises(InputError, match="no clip whose prompt is of the shapes world"):
        evaluate(tmp_path, silent)
    write_clip(tmp_path / f"{PROMPT}-0.mp4")
    with pytest.raises(InputError, match="is no clip of the shapes world: a clip must be"):
        evaluate(tmp_path, silent)


def test_a_baseline_is_scored_too_and_compared(tmp_path: Path, call: Call) -> None:
    both = [run(tmp_path / "plain", BASE, [PROMPT]), run(tmp_path / "reflected", prompts=[PROMPT])]
    for folder in both:
        [old] = (folder / "clips").glob("*.mp4")
        draw(tmp_path, PROMPT, PROMPT)
        (tmp_path / f"{PROMPT}-0.mp4").replace(old)
    plain, reflected = map(str, both)
    done = call("eval", reflected, "--suite", "shapes", "--baseline", plain)
    assert done.code == 0, done.err
    assert done.err.count("1 clips scored") == 2
    assert done.out.splitlines()[-1] == f"{reflected}/compare/report.html"
    assert "reflected exact" in done.out
    again = call("eval", reflected, "--suite", "shapes", "--baseline", plain, "--json")
    first, second, rest = again.out.split("\n", 2)
    assert json.loads(first)["means"].keys() == {"reflected"}
    assert json.loads(second)["means"].keys() == {"plain"}
    assert json.loads(rest)["reference"] == "strong"
    loose = tmp_path / "loose"
    loose.mkdir()
    draw(loose, PROMPT, PROMPT)
    refused = call("eval", str(loose), "--suite", "shapes", "--baseline", plain)
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.endswith("loose: has no ledger.sqlite, so it is no folder of clips\n")
    assert not (loose / "eval.sqlite").exists()  # before anything is scored
    same = call("eval", plain, "--suite", "shapes", "--baseline", plain)
    assert (same.code, same.err) == (2, "error: --baseline: is the folder itself\n")
