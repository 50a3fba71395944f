"""What the benchmarks share: fresh processes, peaks of memory, clocks that compare."""

from __future__ import annotations

import gc
import resource
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, TypeVar

import psutil

T = TypeVar("T")
Figures = dict[str, float]


def alone(function: Callable[..., T], *args: Any) -> T:
    """``function(*args)`` in a process of its own, so that its peak of memory is its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *args).result()


def peak(call: Callable[[], Any]) -> int:
    """Bytes that a call takes at most above what is there; the first large one of its process."""
    gc.collect()
    before = psutil.Process().memory_info().rss
    call()
    unit = 1 if sys.platform == "darwin" else 1024
    return max(0, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit - before)


def seconds(*calls: Callable[[], Any], rounds: int = 5) -> list[float]:
    """Median times of calls that take turns, so that what slows the machine slows them all."""
    times: list[list[float]] = [[] for _ in calls]
    for call in calls:
        call()
    for _ in range(rounds):
        for call, taken in zip(calls, times, strict=True):
            start = time.perf_counter()
            call()
            taken.append(time.perf_counter() - start)
    return [statistics.median(taken) for taken in times]
