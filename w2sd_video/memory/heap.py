"""Freed memory stays with the process, where that process computes on the CPU."""

from __future__ import annotations

import ctypes

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3  # malloc.h of glibc
_MIB = 1 << 20


def hold_freed() -> bool:
    """Have malloc hand freed tensors out again, in place of returning them to the kernel.

    Each denoising step allocates and frees the same activations. By default glibc gives most of
    them back at once, and the kernel has to clear every page anew: time lost in each process, and
    more in several side by side, for they wait for one another in the kernel. Blocks of up to
    32 MiB (glibc's bound) come from the heap afterwards, of which up to 1 GiB may lie unused.

    It concerns the whole process, so it is for programs to call, and early: not for a library.

    Returns:
        Whether this system's malloc knows such settings; others stay as they are.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # no glibc; Windows knows no CDLL(None)
        return False
    settings = {_M_MMAP_THRESHOLD: 32, _M_TRIM_THRESHOLD: 1024, _M_TOP_PAD: 256}
    taken = [mallopt(name, mib * _MIB) == 1 for name, mib in settings.items()]
    return all(taken)
