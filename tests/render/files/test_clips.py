from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from w2sd_video.render.files.clips import files, is_whole, publish
from w2sd_video.render.jobs.job import Job
from w2sd_video.render.jobs.plan import plan
from w2sd_video.render.media import video
from w2sd_video.render.settings.layers import Layer

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
    assert tags["title"] == "a b"
    assert inside == {k: said[k] for k in inside}
    assert inside["id"] == job().id
    assert is_whole(folder, job())


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
