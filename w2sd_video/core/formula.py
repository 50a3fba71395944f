"""The method: Weak-to-Strong Diffusion by reflection (arXiv 2502.00473, algorithm 1).

One reflection at timestep t, with t' the next one, takes the sample x at t to x~ at t::

    x' = M_s(x, t -> t')         strong step down
    x~ = M_w^-1(x', t' -> t)     weak step up: the inverse of the weak model's step
    then one final step down from x~ with the model that samples

A first-order step of a sampler is ``x' = A x + B out``; ``steps.py`` derives A and B for
every prediction type. Its inverse is ``x = (x' - B out) / A``, and so

    x~ = (A x + B out_s - B out_w) / A = x + (B / A) (out_s - out_w)

That is the whole of it. All tensors have the sample's shape; A and B are numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def step_down(x: Tensor, out: Tensor, a: float, b: float) -> Tensor:
    """``x' = A x + B out``: the strong step, and any first-order step."""
    return a * x + b * out


def reflected(x: Tensor, difference: Tensor, a: float, b: float, gap: float = 1.0) -> Tensor:
    """``x~ = x + gap (B / A) (out_s - out_w)``: strong step down, weak step up.

    With out_s taken at x and out_w at x' this is the paper's reflection; with both at x the
    implicit one (arXiv 2604.23536); with both one step ago the cached one. ``gap`` is 1 in
    the paper.
    """
    return x + (gap * b / a) * difference


def reflected_official(
    x: Tensor, lower: Tensor, out_weak: Tensor, a: float, b: float, gap: float = 1.0
) -> Tensor:
    """The same two steps as the published code has them; ``lower`` is x'.

    There the way up is a step of DDIMInverseScheduler, ``x~ = A x' + B out_w``, whose A and B
    belong to the pair of levels one further down (from t'' to t').
    """
    return x + gap * (a * lower + b * out_weak - x)


def extrapolated(out: Tensor, difference: Tensor, gap: float = 1.0) -> Tensor:
    """``out + gap (out_s - out_w)``: no reflection, but to first order the same (2 s - w)."""
    return out + gap * difference
