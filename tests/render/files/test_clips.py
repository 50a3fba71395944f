from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from w2sd_video.render.files.clips import files, is_whole, publish
from w2sd_video.render.jobs.job import Job
from w2sd_video.render.jobs.plan import plan
from w2sd_video.render.media import video
from w2sd_video.render.settings.layers import Layer

CONTAINERS = {"major_brand", "minor_version", "compatible_brands", "encoder"}  # an MP4's own
FRAMES = np.full((4, 16, 16, 3), 90, np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "clips").mkdir()
    return tmp_path


def job(**settings: object) -> Job:
    base = {"model": "org/model", "output": {"formats": ["gif", "png"]}, **settings}
    return plan([Layer(base, "f")], [Layer({"prompt": "a\nb"}, "l", {(): 1})]).jobs[0]


def test_published_files_say_what_they_are(folder: Path) -> None:
    path = publish(folder, job(), FRAMES, {"torch": "2"}, {"seconds": 1.0})
    assert sorted(p.suffix for p in path.parent.iterdir()) == [".gif", ".json", ".mp4", ".png"]
    said = json.loads(path.with_suffix(".json").read_text())
    assert said["settings"]["prompt"] == said["prompt"] == "a\nb"
    assert said["clip"] == {"frames": 4, "height": 16, "width": 16}
    assert (said["seconds"], said["versions"]) == (1.0, {"torch": "2"})
    tags = video.read_mp4(path).tags
    inside = json.loads(tags["comment"])
    assert set(tags) == {"title", "comment", *CONTAINERS}
    assert tags["title"] == "a b"
    assert inside == {k: said[k] for k in inside}
    assert inside["id"] == job().id
    assert is_whole(folder, job())


def test_nothing_of_the_clip_that_had_the_name_stays(folder: Path) -> None:
    publish(folder, job(), FRAMES, {}, {})
    path = publish(folder, job(guidance_scale=5.0, output={"formats": ["webp"]}), FRAMES, {}, {})
    assert sorted(p.suffix for p in path.parent.iterdir()) == [".json", ".mp4", ".webp"]
    image = job(model={"id": "org/model", "pipeline": "FluxPipeline"}, output={})
    publish(folder, image, FRAMES[:1], {}, {})
    assert sorted(p.suffix for p in path.parent.iterdir()) == [".json", ".png"]


# How an encoder may be wrong, and what is said of it.
WRONG: dict[str, Callable[[video.Frames, float], tuple[video.Frames, float]]] = {
    r"reads back as (3, 16, 16, 3), not (4, 16, 16, 3)": lambda frames, fps: (frames[1:], fps),
    r"reads back as (4, 14, 16, 3), not (4, 16, 16, 3)": lambda frames, fps: (frames[:, 2:], fps),
    r"reads back at 8.25 fps, not 8.0": lambda frames, fps: (frames, fps + 0.25),
}


@pytest.mark.parametrize("message", WRONG)
def test_what_does_not_read_back_is_not_published(
    folder: Path, monkeypatch: pytest.MonkeyPatch, message: str
) -> None:
    write = video.write_mp4

    def wrong(path: Path, frames: video.Frames, fps: float, *rest: Any) -> None:
        write(path, *WRONG[message](frames, fps), *rest)

    monkeypatch.setattr(video, "write_mp4", wrong)
    with pytest.raises(ValueError, match=re.escape(message)):
        publish(folder, job(), FRAMES, {}, {})
    assert list((folder / "clips").iterdir()) == []


def test_an_image_is_read_back_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = job(model={"id": "org/model", "pipeline": "FluxPipeline"}, output={})
    path, write = publish(folder, image, FRAMES[:1], {}, {}), video.write_png
    assert set(video.read_png(path).tags) == {"title", "comment"}
    before = path.stat()
    monkeypatch.setattr(video, "write_png", lambda path, image, tags: write(path, image[2:], tags))
    with pytest.raises(ValueError, match=r"reads back as \(1, 14, 16, 3\), not \(1, 16, 16, 3\)"):
        publish(folder, image, FRAMES[:1], {}, {})
    monkeypatch.setattr(video, "write_png", lambda path, image, tags: write(path, image, {}))
    with pytest.raises(ValueError, match="is another job's clip"):
        publish(folder, image, FRAMES[:1], {}, {})
    assert path.stat() == before
    assert len(list(path.parent.iterdir())) == 2


def test_whole_means_every_file_and_this_very_job(folder: Path) -> None:
    this = job()
    assert not is_whole(folder, this)
    path = publish(folder, this, FRAMES, {}, {})
    assert not is_whole(folder, job(fps=4))
    assert not is_whole(folder, job(output={"formats": ["webp"]}))
    path.with_suffix(".gif").unlink()
    assert not is_whole(folder, this)
    publish(folder, this, FRAMES, {}, {})
    path.write_bytes(path.read_bytes()[:-200])
    assert not is_whole(folder, this)
    publish(folder, this, FRAMES[:3], {}, {})
    assert is_whole(folder, this)
    path.with_suffix(".json").write_text("{}")
    assert not is_whole(folder, this)


def test_nothing_is_left_of_a_failure(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = publish(folder, job(), FRAMES, {}, {}).read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(video, "write_preview", full)
    with pytest.raises(OSError, match="No space"):
        publish(folder, job(), FRAMES + 1, {}, {})
    assert len(list((folder / "clips").iterdir())) == len(files(folder, job())) == 4
    assert files(folder, job())["mp4"].read_bytes() == before
