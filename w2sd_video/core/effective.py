"""Effective guidance: the scale of classifier-free guidance that a step amounts to.

Reflection pushes along (cond - uncond), too, and guidance alone raises many scores. So a fair
baseline is the strong model at the scale that reflection came to (arXiv 2602.22570, omega_e).
"""

from __future__ import annotations

from torch import Tensor


def effective_output(out: Tensor, pushed: Tensor, x: Tensor, a: float, b: float) -> Tensor:
    """The output that, stepped with from x, leads where ``out`` leads from the pushed x~.

    ``A x~ + B out = A x + B (out + (A / B) (x~ - x))``.
    """
    return out + (a / b) * (pushed - x)


def effective_guidance(out: Tensor, cond: Tensor, uncond: Tensor) -> Tensor:
    """How far ``out - uncond`` goes along ``cond - uncond``, in lengths of that; one a clip.

    Of plain guidance it is the scale. All arguments have the sample's shape, ``(b, ...)``.
    """
    direction = (cond - uncond).flatten(1)
    along = ((out - uncond).flatten(1) * direction).sum(1)
    return along / direction.square().sum(1).clamp_min(1e-12)
