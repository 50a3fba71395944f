"""The files of a clip. One that is there is complete: it is published whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from w2sd_video.render import video
from w2sd_video.render.jobs import Job, canonical


def files(folder: Path, job: Job) -> dict[str, Path]:
    """Every file of a job by its kind: mp4, the previews asked for, and json, which is last."""
    kinds = dict.fromkeys(["mp4", *job.config.output.formats, "json"])
    return {kind: folder / "clips" / f"{job.name}.{kind}" for kind in kinds}


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
        frames: ``(frames, height, width, 3)`` uint8.
        measured: goes into the JSON only, as it differs from run to run.

    Returns:
        the path of the MP4.

    Raises:
        OSError, ValueError: if a file can't be written or does not read back.
    """
    said = describe(job, versions)
    targets = files(folder, job)
    with _temporary(targets) as parts:
        for kind, part in parts.items():
            if kind == "mp4":
                tags = {"title": " ".join(job.prompt.split()), "comment": canonical(said)}
                video.write_mp4(part, frames, job.config.fps, job.config.output.crf, tags)
                _check(part, job, frames.shape)
            elif kind == "json":
                count, height, width, _ = frames.shape
                shape = {"frames": count, "height": height, "width": width}
                text = json.dumps(said | {"clip": shape, **measured}, indent=2, ensure_ascii=False)
                part.write_text(text + "\n", "utf-8")
            else:
                video.write_preview(part, frames, job.config.fps, kind)
        for kind, part in parts.items():
            os.replace(part, targets[kind])
    return targets["mp4"]


@contextmanager
def _temporary(targets: dict[str, Path]) -> Iterator[dict[str, Path]]:
    """A path to write to for each target, in the same folder; nothing stays on failure."""
    parts = {kind: path.with_name(f".{path.name}.part") for kind, path in targets.items()}
    try:
        yield parts
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)


def is_whole(folder: Path, job: Job) -> bool:
    """Whether a job's files are all there, and its video is this very job's and decodes."""
    targets = files(folder, job)
    if not all(path.is_file() for path in targets.values()):
        return False
    try:
        shape = json.loads(targets["json"].read_text("utf-8"))["clip"]
        _check(targets["mp4"], job, (shape["frames"], shape["height"], shape["width"], 3))
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return True


def _check(path: Path, job: Job, shape: tuple[int, ...]) -> None:
    """Decode a video and compare frame count, size, fps and job.

    Raises:
        ValueError: if it is not what it should be.
    """
    read = video.read_mp4(path)
    if read.frames.shape != shape:
        raise ValueError(f"{path.name} reads back as {read.frames.shape}, not {shape}")
    if abs(read.fps - job.config.fps) > 0.01 * job.config.fps:
        raise ValueError(f"{path.name} reads back at {read.fps} fps, not {job.config.fps}")
    if json.loads(read.tags.get("comment", "{}")).get("id") != job.id:
        raise ValueError(f"{path.name} is another job's clip")
