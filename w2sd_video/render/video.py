"""Frames to files and back. Frames are ``(frames, height, width, 3)`` uint8 RGB throughout."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import imageio.v3 as iio
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from numpy.typing import NDArray

Frames = NDArray[np.uint8]
BT709 = 1  # in H.264's tables of matrices, primaries and transfer curves alike


@dataclass(frozen=True)
class Video:
    """A decoded file."""

    frames: Frames
    fps: float
    tags: dict[str, str]


def write_mp4(path: Path, frames: Frames, fps: float, crf: int, tags: dict[str, str]) -> None:
    """Encode H.264, yuv420p, BT.709 in limited range, and tagged as such.

    Untagged small clips are shown by players as BT.601, with other colours.

    Args:
        fps: frames a second; kept exactly to three decimals.
        crf: 0 is lossless, 51 the worst.
        tags: text for the container's metadata (``title``, ``comment``).

    Raises:
        ValueError: if a side is odd, which yuv420p can't hold.
    """
    _, height, width, _ = frames.shape
    if height % 2 or width % 2:
        raise ValueError(f"H.264 needs even sides, got {width}x{height}")
    reformatter = VideoReformatter()
    with av.open(path, "w", format="mp4", options={"movflags": "faststart"}) as container:
        container.metadata.update(tags)
        rate = Fraction(fps).limit_denominator(1000)
        stream = container.add_stream("libx264", rate=rate, options={"crf": str(crf)})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        codec = stream.codec_context
        codec.color_range = ColorRange.MPEG
        codec.colorspace = codec.color_primaries = codec.color_trc = BT709
        for pixels in frames:
            frame = reformatter.reformat(
                av.VideoFrame.from_ndarray(pixels, "rgb24"),
                format="yuv420p",
                dst_colorspace=Colorspace.ITU709,
                src_color_range=ColorRange.JPEG,
                dst_color_range=ColorRange.MPEG,
            )
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def read_mp4(path: Path) -> Video:
    """Decode a whole file.

    Raises:
        OSError or ValueError: if it is damaged or has no video in it (av's errors are both).
    """
    reformatter = VideoReformatter()
    with av.open(path) as container:
        if not container.streams.video:
            raise ValueError(f"{path.name} has no video")
        stream = container.streams.video[0]
        frames = [
            reformatter.reformat(
                frame,
                format="rgb24",
                src_colorspace=frame.colorspace,
                dst_color_range=ColorRange.JPEG,
            ).to_ndarray()
            for frame in container.decode(stream)
        ]
        if not frames:
            raise ValueError(f"{path.name} has no frames")
        return Video(np.stack(frames), float(stream.average_rate or 0), dict(container.metadata))


def write_preview(path: Path, frames: Frames, fps: float, kind: str) -> None:
    """Write a GIF or lossless WebP animation, or a PNG contact sheet of all frames."""
    if kind == "png":
        iio.imwrite(path, contact_sheet(frames), extension=".png")
    elif kind == "gif":
        iio.imwrite(path, frames, extension=".gif", duration=1000 / fps, loop=0)
    else:
        iio.imwrite(path, frames, extension=".webp", duration=1000 / fps, loop=0, lossless=True)


def contact_sheet(frames: Frames) -> Frames:
    """All frames in reading order on one nearly square image, ``(height, width, 3)``."""
    count, height, width, channels = frames.shape
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    sheet: Frames = np.zeros((rows * columns, height, width, channels), np.uint8)
    sheet[:count] = frames
    tiles = sheet.reshape(rows, columns, height, width, channels).swapaxes(1, 2)
    grid: Frames = tiles.reshape(rows * height, columns * width, channels)
    return grid
