"""The method: Weak-to-Strong Diffusion by reflection (arXiv 2502.00473).

One reflection at timestep t, with t' the next one (algorithm 1 of the paper)::

    1. strong step down      x'  = M_s(x, t -> t')
    2. weak step up          x~  = M_w^-1(x', t' -> t)
    3. final step down from x~ with the model that samples

A first-order step is ``x' = A x + B out`` (``steps.py`` has A and B of every prediction
type), so its inverse is ``x = (x' - B out) / A`` and steps 1 and 2 are one shift:

    x~ = (A x + B out_s - B out_w) / A = x + (B / A) (out_s - out_w)

This file is the whole of it: plain arithmetic, which needs no torch to be imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    from torch import Tensor

Mode = Literal["exact", "official", "implicit", "cached", "extrapolate"]
MODES: tuple[Mode, ...] = get_args(Mode)


# --- the formula ------------------------------------------------------------------------


def step(x: Tensor, out: Tensor, a: float, b: float) -> Tensor:
    """A first-order step of the sampler: ``x' = A x + B out`` (step 1 and step 3)."""
    return a * x + b * out


def reflect(x: Tensor, difference: Tensor, a: float, b: float, gap: float = 1.0) -> Tensor:
    """Steps 1 and 2 with the exact inverse: ``x~ = x + gap (B/A) (out_s - out_w)``.

    With out_s taken at x and out_w at x' this is the paper's reflection; with both at x the
    implicit one (arXiv 2604.23536); with both one step ago the cached one.
    """
    return x + (gap * b / a) * difference


def reflect_official(
    x: Tensor, lower: Tensor, out_weak: Tensor, a: float, b: float, gap: float = 1.0
) -> Tensor:
    """Steps 1 and 2 as the published code has them: ``lower`` is x' of step 1.

    There the way up is a step of DDIMInverseScheduler, whose A and B belong to the pair of
    levels one further down (from t'' to t').
    """
    return x + gap * (step(lower, out_weak, a, b) - x)


def extrapolate(out: Tensor, difference: Tensor, gap: float = 1.0) -> Tensor:
    """No reflection but its first-order twin: ``out + gap (out_s - out_w)``; 2 s - w if out = s."""
    return out + gap * difference


# --- what a user asks for ---------------------------------------------------------------


@dataclass(frozen=True)
class Side:
    """How the strong or the weak model differs from the call it takes part in.

    None means "as the call has it".

    Attributes:
        denoiser: the module to use in place of the pipeline's UNet or transformer.
        guidance_scale: classifier-free guidance. At 1 only the conditional half is
            evaluated, at 0 only the unconditional one.
        adapters: LoRA names and their scales, also zero or negative; adapters that are not
            named stay as they are.
        prompt: for every clip, or one for each.
        negative_prompt: likewise.
        controlnet_scale, ip_adapter_scale: scale of the condition; 0 switches it off.
        experts: the best or the worst routed experts of a mixture.
    """

    denoiser: Any = None
    guidance_scale: float | None = None
    adapters: Mapping[str, float] | None = None
    prompt: str | list[str] | None = None
    negative_prompt: str | list[str] | None = None
    controlnet_scale: float | None = None
    ip_adapter_scale: float | None = None
    experts: Literal["best", "worst"] | None = None

    @property
    def without_guidance(self) -> Side:
        return replace(self, guidance_scale=None)

    @property
    def is_call(self) -> bool:
        """True if nothing differs from the call."""
        return self == Side()


@dataclass(frozen=True)
class Reflection:
    """Which models reflect, in which steps, and how.

    The final side, which advances the sample, is the pipeline call itself.

    Attributes:
        strong, weak: the pair; the sample is pushed along strong - weak.
        steps: how many of the earliest (noisiest) steps reflect; a float is a fraction.
        mode: exact (the default), official (parity with the published code), implicit,
            cached (experimental), or extrapolate (the baseline without reflection).
        gap: multiplies the difference.

    Raises:
        ValueError: for a mode or a number of steps that makes no sense.
    """

    strong: Side = field(default_factory=Side)
    weak: Side = field(default_factory=Side)
    steps: float | int = 1.0
    mode: Mode = "exact"
    gap: float = 1.0

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ValueError(f"mode {self.mode!r} is not known; choose from {', '.join(MODES)}")
        if isinstance(self.steps, bool) or self.steps < 0:
            raise ValueError(f"steps must be a fraction or a number of steps, not {self.steps!r}")
        if isinstance(self.steps, float) and self.steps > 1:
            raise ValueError(
                f"steps={self.steps} is a float, so a fraction, and more than 1; "
                f"for a number of steps write an integer"
            )

    def count(self, total: int) -> int:
        """How many of ``total`` steps reflect.

        The published code leaves the last step alone, and so does ``official``.
        """
        if isinstance(self.steps, float):
            wanted = int(self.steps * total + 0.5)
        else:
            wanted = min(self.steps, total)
        return min(wanted, total - 1) if self.mode == "official" else wanted

    @property
    def guidance_pair(self) -> bool:
        """True if the two sides differ in guidance only: one call yields both outputs."""
        return self.strong.without_guidance == self.weak.without_guidance

    def stages(self) -> tuple[Stage, ...]:
        """The denoiser calls of one reflected step, in order."""
        if self.mode in ("exact", "official"):
            return (Stage.STRONG, Stage.WEAK, Stage.FINAL)
        if self.mode == "implicit":
            if self.guidance_pair:
                return (Stage.PAIR, Stage.FINAL)
            return (Stage.STRONG, Stage.WEAK, Stage.FINAL)
        # cached, extrapolate: every output is taken where the final one is
        if self.guidance_pair and self.strong.without_guidance.is_call:
            return (Stage.FINAL,)
        if self.strong.is_call:
            return (Stage.WEAK, Stage.FINAL)
        return (Stage.STRONG, Stage.WEAK, Stage.FINAL)

    def cost(self, guidance_scale: float, total: int) -> int:
        """Denoiser samples evaluated for one clip: cond and uncond count one each.

        Args:
            guidance_scale: of the call, that is of the final side.
            total: number of inference steps.
        """
        halves = {
            Stage.STRONG: _halves(self.strong, guidance_scale),
            Stage.WEAK: _halves(self.weak, guidance_scale),
            Stage.PAIR: 2,
            Stage.FINAL: _halves(Side(), guidance_scale),
        }
        stages = self.stages()
        if stages == (Stage.FINAL,):
            halves[Stage.FINAL] = 2  # the one call must yield the difference too
        reflected = self.count(total)
        plain = _halves(Side(), guidance_scale)
        return reflected * sum(halves[s] for s in stages) + (total - reflected) * plain


class Stage(Enum):
    """What one denoiser call of a step is for."""

    STRONG = "strong"
    WEAK = "weak"
    PAIR = "pair"  # both halves of the guidance give the strong and the weak output
    FINAL = "final"


def _halves(side: Side, of_call: float) -> int:
    scale = of_call if side.guidance_scale is None else side.guidance_scale
    if side.guidance_scale is None:
        return 2 if scale > 1 else 1  # diffusers' own rule
    return 1 if scale in (0.0, 1.0) else 2
