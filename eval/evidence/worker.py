"""What every process that an evidence starts begins with."""

from __future__ import annotations

import multiprocessing
import os
import threading
from multiprocessing.connection import wait


def begin() -> None:
    """One thread, since there is a process for each core; and an end when its parent ends."""
    import torch

    from w2sd_video.memory.heap import hold_freed

    torch.set_num_threads(1)
    hold_freed()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:  # nobody is left to tell
        wait([parent.sentinel])
        os._exit(1)
