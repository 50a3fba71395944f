from __future__ import annotations

from pathlib import Path

import av
import imageio.v3 as iio
import numpy as np
import pytest
from PIL import Image

from w2sd_video.render.media.video import contact_sheet, read_mp4, write_mp4, write_preview

COLORS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (247, 202, 24), (142, 68, 173)]
COLORS += [(34, 193, 214), (250, 250, 250), (18, 18, 18), (128, 128, 128), (0, 0, 0)]


def flat(color: tuple[int, int, int], count: int = 3, size: int = 64) -> np.ndarray:
    return np.full((count, size, size, 3), color, np.uint8)


@pytest.mark.parametrize("color", COLORS)
def test_flat_colors_come_back(tmp_path: Path, color: tuple[int, int, int]) -> None:
    frames = flat(color)
    write_mp4(tmp_path / "a.mp4", frames, 8, 12, {})
    back = read_mp4(tmp_path / "a.mp4").frames
    assert np.abs(back.astype(int) - frames).max() <= 4


def test_what_the_file_says(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    tags = {"title": "ünïcode = 'x'; [y]\n#", "comment": '{"a": "\\n=;"}'}
    write_mp4(path, flat((9, 9, 9), 5, 32), 23.976, 12, tags)
    video = read_mp4(path)
    assert video.frames.shape == (5, 32, 32, 3)
    assert video.fps == pytest.approx(23.976)
    its_own = {"major_brand", "minor_version", "compatible_brands", "encoder"}
    assert video.tags == tags | {key: video.tags[key] for key in its_own}
    with av.open(path) as container:
        codec = container.streams.video[0].codec_context
        assert (codec.name, codec.pix_fmt) == ("h264", "yuv420p")
        # 1 is BT.709 in H.264's tables, and limited range in FFmpeg's
        assert codec.color_range == codec.colorspace == 1
        assert codec.color_primaries == codec.color_trc == 1


def test_odd_sizes_and_damaged_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="even sides, got 15x16"):
        write_mp4(tmp_path / "a.mp4", np.zeros((2, 16, 15, 3), np.uint8), 8, 12, {})
    path = tmp_path / "b.mp4"
    write_mp4(path, flat((1, 2, 3)), 8, 12, {})
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises((OSError, ValueError)):
        read_mp4(path)


@pytest.mark.parametrize("kind", ["gif", "webp"])
def test_animated_previews(tmp_path: Path, kind: str) -> None:
    frames = np.concatenate([flat(c, 1, 16) for c in COLORS])
    path = tmp_path / f"a.{kind}"
    write_preview(path, frames, 10, kind)
    assert iio.imread(path, index=...)[..., :3].shape == frames.shape
    with Image.open(path) as image:
        image.seek(1)
        image.load()
        assert image.info["duration"] == 100
    if kind == "webp":
        assert (iio.imread(path, index=...)[..., :3] == frames).all()


def test_contact_sheet(tmp_path: Path) -> None:
    frames = np.stack([np.full((2, 4, 3), i, np.uint8) for i in range(1, 6)])
    sheet = contact_sheet(frames)
    assert sheet[::2, ::4, 0].tolist() == [[1, 2, 3], [4, 5, 0]]
    write_preview(tmp_path / "a.png", frames, 8, "png")
    assert (iio.imread(tmp_path / "a.png") == sheet).all()
