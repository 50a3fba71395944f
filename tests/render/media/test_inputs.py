from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from w2sd_video.render.media import inputs
from w2sd_video.render.media.video import write_mp4

from ..families import pixels


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A video, the same frames as images, and one image that is turned."""
    write_mp4(tmp_path / "v.mp4", pixels(), 8, 0, {})
    (tmp_path / "folder").mkdir()
    for i, frame in enumerate(pixels()):
        Image.fromarray(frame).save(tmp_path / "folder" / f"{i}.png")
    turned = Image.new("RGB", (16, 8), "red")
    turned.getexif()[0x0112] = 6
    turned.save(tmp_path / "turned.jpg", exif=turned.getexif())
    return tmp_path


def test_what_can_be_read(here: Path) -> None:
    frames = inputs.load("conditioning_frames", str(here / "folder"))
    assert np.array_equal(np.stack([np.asarray(f) for f in frames]), pixels())
    video = inputs.load("video", str(here / "v.mp4"))
    assert [(f.mode, f.size) for f in video] == [("RGB", (16, 16))] * 4
    assert len(inputs.load("video", str(here / "turned.jpg"))) == 1
    assert inputs.load("image", str(here / "turned.jpg")).size == (8, 16)
    for key, name in (("video", "v.mp4"), ("video", "folder"), ("image", "turned.jpg")):
        assert inputs.problem(key, str(here / name)) is None


def test_what_cannot(here: Path) -> None:
    (here / "cut.png").write_bytes((here / "folder/0.png").read_bytes()[:200])
    (here / "empty").mkdir()
    wrong = {
        ("image", "nowhere.png"): "no such file: ",
        ("image", "folder"): "is a folder, not an image: ",
        ("image", "v.mp4"): "can't be read as an image: ",
        ("image", "cut.png"): "can't be read as an image: ",
        ("video", "empty"): "can't be read as a video or a folder of images: ",
    }
    for (key, name), message in wrong.items():
        said = inputs.problem(key, str(here / name))
        assert said
        assert said.startswith(f"{message}{here / name}")
    (here / "folder" / "9.png").write_bytes(b"")
    said = inputs.problem("video", str(here / "folder"))
    assert said == (
        f"can't be read as a video or a folder of images: {here / 'folder'} (of no known format)"
    )


def test_a_fingerprint_is_of_the_content(here: Path) -> None:
    (here / "w.mp4").write_bytes((here / "v.mp4").read_bytes())
    prints = [inputs.fingerprint(str(here / n)) for n in ("v.mp4", "w.mp4", "folder")]
    assert prints[0] == prints[1] != prints[2]
