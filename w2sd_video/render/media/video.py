"""Frames to files and back. Frames are ``(frames, height, width, 3)`` uint8 RGB throughout."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import imageio.v3 as iio
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

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


@contextmanager
def opened(path: Path) -> Iterator[InputContainer]:
    """A video file to read.

    Raises:
        OSError or ValueError: if it is damaged. Of av's own errors some are neither.
    """
    try:
        with av.open(path) as container:
            yield container
    except (OSError, ValueError):
        raise
    except (FFmpegError, EOFError, MemoryError) as error:
        raise ValueError(f"is damaged: {error}") from error


def read_mp4(path: Path) -> Video:
    """Decode a whole file.

    Raises:
        OSError or ValueError: if it is damaged or has no video in it.
    """
    with opened(path) as container:
        frames = np.stack(list(_decoded(container, path)))
        rate = container.streams.video[0].average_rate
        return Video(frames, float(rate or 0), dict(container.metadata))


def stream_frames(path: Path) -> Iterator[NDArray[np.uint8]]:
    """The frames of a video file one by one, ``(height, width, 3)``.

    Raises:
        OSError or ValueError: as ``read_mp4``.
    """
    with opened(path) as container:
        yield from _decoded(container, path)


def _decoded(container: Any, path: Path) -> Iterator[NDArray[np.uint8]]:
    if not container.streams.video:
        raise ValueError(f"{path.name} has no video")
    reformatter = VideoReformatter()
    frame = None
    for frame in container.decode(container.streams.video[0]):
        pixels: Any = reformatter.reformat(
            frame,
            format="rgb24",
            src_colorspace=frame.colorspace,
            dst_color_range=ColorRange.JPEG,
        ).to_ndarray()
        yield pixels
    if frame is None:
        raise ValueError(f"{path.name} has no frames")


def write_png(path: Path, image: NDArray[np.uint8], tags: dict[str, str]) -> None:
    """Write one ``(height, width, 3)`` image, with text beside it in the file."""
    info = PngInfo()
    for name, text in tags.items():
        info.add_itxt(name, text)
    Image.fromarray(image).save(path, "PNG", pnginfo=info)


def read_png(path: Path) -> Video:
    """Read an image back as a clip of one frame.

    Raises:
        OSError, ValueError, SyntaxError: if it is damaged.
    """
    with Image.open(path, formats=["PNG"]) as image:
        image.load()
        pixels = np.asarray(image.convert("RGB"))[None]
        return Video(pixels, 0.0, {k: str(v) for k, v in image.info.items()})


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
