"""The clips of a folder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from w2sd_video.eval.clips import find, skipped
from w2sd_video.eval.shapes import evaluate
from w2sd_video.eval.vbench.membership import mixed_sides

from w2sd_video.render.errors import InputError
from w2sd_video.render.media.video import write_mp4

from ..conftest import Call
from .compare.runs import REFLECTED, jobs_of, record, run
from .noise import write_clip


def test_loose_files(tmp_path: Path) -> None:
    write_clip(tmp_path / "a dog-1.mp4", 1, frames=6, fps=4)
    write_clip(tmp_path / "a well-known dog.mp4", 2)
    (tmp_path / "notes.txt").write_text("no clip")
    first, second = find(tmp_path)
    assert (first.prompt, first.side, first.frames, first.fps) == ("a dog", "", 6, 4.0)
    assert first.seconds == 1.5
    assert second.prompt == "a well-known dog"
    assert first.content != second.content


def test_a_clip_rendered_here_has_its_prompt_in_it(tmp_path: Path) -> None:
    comments = {
        "ours-s3": {"prompt": "a dog", "pair": "x"},
        "other-1": {"prompt": "{}"},  # as other programs have it
        "odd-1": {"prompt": {"text": "a cat"}, "pair": "x"},
        "number-1": 5,
    }
    pixels = np.zeros((2, 16, 16, 3), np.uint8)
    for name, said in comments.items():
        write_mp4(tmp_path / f"{name}.mp4", pixels, 8, 12, {"comment": json.dumps(said)})
    assert [clip.prompt for clip in find(tmp_path)] == ["number", "odd", "other", "a dog"]


def test_clips_that_are_not_scored_are_told(tmp_path: Path) -> None:
    assert skipped(tmp_path / "no") == ""
    write_clip(tmp_path / "a dog-0.mp4")
    (tmp_path / "a dog-0.gif").write_bytes(b"its preview")
    (tmp_path / "notes.txt").write_text("no clip")
    assert skipped(tmp_path) == ""
    (tmp_path / "b.WEBM").write_bytes(b"")
    assert skipped(tmp_path) == "1 clip is not scored, since only MP4 is: .webm, such as b.WEBM"
    (tmp_path / "c.gif").write_bytes(b"")
    told = "2 clips are not scored, since only MP4 is: .gif, .webm, such as b.WEBM"
    assert skipped(tmp_path) == told
    (tmp_path / "ledger.sqlite").write_bytes(b"")  # then previews are what else there is
    assert skipped(tmp_path) == ""


@pytest.mark.parametrize("suite", ["shapes", "vbench"])
def test_both_suites_tell_of_them(
    suite: str, tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("W2SD_VBENCH_ENV", str(tmp_path / "none"))
    (tmp_path / "c.gif").write_bytes(b"")
    done = call("eval", str(tmp_path), "--suite", suite)
    assert done.code == 2
    first, second = done.err.splitlines()
    assert first == "1 clip is not scored, since only MP4 is: .gif, such as c.gif"
    assert second.startswith("error: ")


def test_what_is_no_clip(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        find(tmp_path / "no")
    with pytest.raises(InputError, match="has no MP4"):
        find(tmp_path)
    (tmp_path / "a.mp4").write_bytes(b"no video")
    with pytest.raises(InputError, match=r"a\.mp4: can't be read as a video"):
        find(tmp_path)


def test_a_cut_off_file_is_told_wherever_it_ends(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a red circle moving left on a white background-0.mp4")
    whole = path.read_bytes()
    for length in (40, 300, 600, 700, len(whole) * 6 // 10):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"-0\.mp4: can't be read as a video"):
            evaluate(tmp_path, lambda line: None)


def test_settings_are_those_of_the_ledger(tmp_path: Path) -> None:
    first, second = (find(run(tmp_path / name, baseline=True)) for name in "ab")
    assert [clip.settings for clip in first] == [clip.settings for clip in second]
    assert len({clip.settings for clip in first}) == 2  # plain, and reflected
    assert not mixed_sides(first)
    record(tmp_path / "a", jobs_of(REFLECTED | {"num_inference_steps": 4}, "a"))
    assert mixed_sides(find(tmp_path / "a")) == ["reflected"]
