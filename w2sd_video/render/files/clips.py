"""The files of a clip or an image. What is there is complete: published whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from w2sd_video.render.files import KINDS
from w2sd_video.render.files.atomic import part_of
from w2sd_video.render.jobs.identity import canonical
from w2sd_video.render.jobs.job import Job
from w2sd_video.render.media import video


def suffixes(job: Job) -> list[str]:
    """Of a job's files: mp4 and the previews asked for, or png; json is last."""
    formats = ["png"] if job.is_image else ["mp4", *job.settings.config.output.formats]
    return list(dict.fromkeys([*formats, "json"]))


def files(folder: Path, job: Job) -> dict[str, Path]:
    """Every file of a job by its suffix."""
    return {kind: folder / "clips" / f"{job.name}.{kind}" for kind in suffixes(job)}


def describe(job: Job, versions: dict[str, str]) -> dict[str, Any]:
    """What the file's own tags and the JSON beside it say: enough to render it again."""
    return {
        "id": job.id,
        "pair": job.pair,
        "name": job.name,
        "kind": job.kind,
        "prompt": job.prompt,
        "seed": job.seed,
        "settings": job.config.model_dump(mode="json"),
        "versions": versions,
    }


def publish(
    folder: Path,
    job: Job,
    frames: video.Frames,
    versions: dict[str, str],
    measured: dict[str, Any],
) -> Path:
    """Write a clip's files beside their places, check them, and move them in.

    Args:
        frames: ``(frames, height, width, 3)`` uint8; of an image, one frame.
        measured: goes into the JSON only, as it differs from run to run.

    Returns:
        the path of the MP4 or PNG.

    Raises:
        OSError, ValueError: if a file can't be written or does not read back.
    """
    said = describe(job, versions)
    targets = files(folder, job)
    with _temporary(targets) as parts:
        tags = {"title": " ".join(job.prompt.split()), "comment": canonical(said)}
        fps = job.config.frame_rate
        for kind, part in parts.items():
            if job.is_image and kind == "png":
                video.write_png(part, frames[0], tags)
                _check(part, job, frames.shape)
            elif kind == "mp4":
                video.write_mp4(part, frames, fps, job.config.output.crf, tags)
                _check(part, job, frames.shape)
            elif kind == "json":
                count, height, width, _ = frames.shape
                shape = {"frames": count, "height": height, "width": width}
                text = json.dumps(said | {"clip": shape, **measured}, indent=2, ensure_ascii=False)
                part.write_text(text + "\n", "utf-8")
            else:
                video.write_preview(part, frames, fps, kind)
        for part in parts.values():
            _to_disk(part)
        for kind in KINDS:  # of the clip that had the name before: they would pass for this one's
            if kind not in targets:
                (folder / "clips" / f"{job.name}.{kind}").unlink(missing_ok=True)
        for kind, part in parts.items():
            os.replace(part, targets[kind])
    return next(iter(targets.values()))


def _to_disk(path: Path) -> None:
    """Wait until a file would outlast a power cut; else its name might, and it not."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


@contextmanager
def _temporary(targets: dict[str, Path]) -> Iterator[dict[str, Path]]:
    """A path to write to for each target, in the same folder; nothing stays on failure."""
    parts = {kind: part_of(path) for kind, path in targets.items()}
    try:
        yield parts
    finally:
        for part in parts.values():
            with suppress(OSError):
                part.unlink(missing_ok=True)


def is_whole(folder: Path, job: Job) -> bool:
    """Whether a job's files are all there, and what it made is its very own and decodes."""
    targets = files(folder, job)
    made = next(iter(targets.values()))
    if not all(path.is_file() for path in targets.values()):
        return False
    try:
        shape = json.loads(targets["json"].read_text("utf-8"))["clip"]
        _check(made, job, (shape["frames"], shape["height"], shape["width"], 3))
    except (OSError, ValueError, KeyError, TypeError, SyntaxError):
        return False
    return True


def _check(path: Path, job: Job, shape: tuple[int, ...]) -> None:
    """Decode a video or an image and compare frame count, size, fps and job.

    Raises:
        ValueError: if it is not what it should be.
    """
    read = video.read_png(path) if job.is_image else video.read_mp4(path)
    if read.frames.shape != shape:
        raise ValueError(f"{path.name} reads back as {read.frames.shape}, not {shape}")
    fps = 0.0 if job.is_image else job.config.frame_rate
    if abs(read.fps - fps) > 0.01 * fps:
        raise ValueError(f"{path.name} reads back at {read.fps} fps, not {fps}")
    if json.loads(read.tags.get("comment", "{}")).get("id") != job.id:
        raise ValueError(f"{path.name} is another job's clip")
