"""What this machine can do, as far as it can be checked here and now."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from w2sd_video.memory.tensors import size
from w2sd_video.render.versions import versions


@dataclass(frozen=True)
class Finding:
    """One line of the report; ``ok`` is False if something that is needed is missing."""

    what: str
    text: str
    ok: bool = True


def findings() -> Iterator[Finding]:
    """Look at versions, devices, memory, codecs and weights, and report each."""
    yield Finding("system", f"{platform.platform()}, Python {platform.python_version()}")
    yield _versions()
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield Finding("cores", f"{usable} usable of {os.cpu_count()}")
    yield _memory()
    yield Finding("free disk", f"{size(shutil.disk_usage(Path.cwd()).free)} in this folder")
    yield from _devices()
    yield from _codecs()
    yield _weights()


def _versions() -> Finding:
    found = versions()
    text = ", ".join(f"{name} {number}" for name, number in found.items() if name != "python")
    return Finding("versions", text, "unknown" not in found.values())


def _memory() -> Finding:
    try:
        page, pages = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_PHYS_PAGES")
        free = os.sysconf("SC_AVPHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return Finding("memory", "can't be told on this system")
    return Finding("memory", f"{size(page * free)} free of {size(page * pages)}")


def _devices() -> Iterator[Finding]:
    import torch

    for i in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(i)
        yield Finding(f"device cuda:{i}", f"{properties.name}, {size(properties.total_memory)}")
    yield Finding("device cpu", f"{torch.get_num_threads()} threads")


def _codecs() -> Iterator[Finding]:
    import av
    from PIL import features

    h264 = "libx264" in av.codecs_available
    yield Finding("codec mp4", "libx264" if h264 else "libx264 is missing from PyAV", h264)
    webp = bool(features.check("webp"))
    yield Finding("codec webp", "Pillow" if webp else "Pillow is built without it", webp)


def _weights() -> Finding:
    folder = Path(__file__).parents[2] / "shapes"
    files = list(folder.rglob("*.safetensors"))
    if not files:
        return Finding("embedded model", f"no weights in {folder}", False)
    return Finding(
        "embedded model", f"{len(files)} files, {size(sum(f.stat().st_size for f in files))}"
    )
