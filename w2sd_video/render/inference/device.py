"""What models run on: its name, and how much memory was taken at most."""

from __future__ import annotations

import platform
import sys

import psutil
import torch

if sys.platform != "win32":
    import resource


def name(device: str) -> str:
    """What a person calls it."""
    if device == "cuda":
        return str(torch.cuda.get_device_name())
    return f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads"


def reset_peak(device: str) -> None:
    """Begin to measure anew, where that is possible."""
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()


def peak(device: str) -> int:
    """Bytes at most: of an accelerator since ``reset_peak``, else of the process ever."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated()
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    unit = 1 if sys.platform == "darwin" else 1024
    return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * unit
