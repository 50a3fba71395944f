"""What a user asks for: a strong and a weak side, how many steps, and the mode."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from numbers import Real
from typing import Any, Literal, get_args

Mode = Literal["exact", "official", "implicit", "cached", "extrapolate"]
MODES: tuple[Mode, ...] = get_args(Mode)


class Stage(Enum):
    """What one denoiser call of a step is for."""

    STRONG = "strong"
    WEAK = "weak"
    PAIR = "pair"  # both halves of the guidance give the strong and the weak output
    FINAL = "final"


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def _are_numbers(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and bool(value) and all(map(_is_number, value))


def _is_text(value: Any) -> bool:
    """Whether it is a string, several, or one for each of some frames (FreeNoise)."""
    if isinstance(value, Mapping):
        return _is_text(list(value.values()))
    if isinstance(value, (list, tuple)):
        return all(isinstance(each, str) for each in value)
    return isinstance(value, str)


@dataclass(frozen=True)
class Side:
    """How the strong or the weak model differs from the call it takes part in.

    None means "as the call has it".

    Attributes:
        denoiser: the module to use in place of the pipeline's UNet or transformer, on the
            same device and in the same dtype; a tuple of them for a pipeline with several
            (Wan 2.2: high noise, low noise). What was patched onto the pipeline's own
            (LoRA, IP-Adapter, FreeU) is not carried over to it.
        guidance_scale: classifier-free guidance, without any rescaling (as the published
            code has it). At 1 only the conditional half is evaluated, at 0 only the
            unconditional one. None is the pipeline's own guidance with all it does. For
            models that take their guidance as an input (Flux, HunyuanVideo) it is that.
        adapters: LoRA names and their scales, also zero or negative; adapters that are not
            named stay as they are.
        prompt: for every clip, or one for each; all text encoders read it.
        negative_prompt: likewise; only guidance other than 1 shows it to a side.
        controlnet_scale: scale of the residuals, or one for each of several ControlNets; 0
            switches one off.
        ip_adapter_scale: of the image; 0 switches it off.
        experts: the best or the worst routed experts of a mixture.

    Raises:
        ValueError: for a value of another kind than its field's.
    """

    denoiser: Any = None
    guidance_scale: float | None = None
    adapters: Mapping[str, float] | None = None
    prompt: str | list[str] | None = None
    negative_prompt: str | list[str] | None = None
    controlnet_scale: float | Sequence[float] | None = None
    ip_adapter_scale: float | None = None
    experts: Literal["best", "worst"] | None = None

    def __post_init__(self) -> None:
        for name in ("guidance_scale", "ip_adapter_scale"):
            value = getattr(self, name)
            if value is not None and not _is_number(value):
                raise ValueError(f"{name} of a side must be a finite number, not {value!r}")
        scales = self.controlnet_scale
        if scales is not None and not _is_number(scales) and not _are_numbers(scales):
            raise ValueError(
                f"controlnet_scale of a side must be a finite number, or one for each of several "
                f"ControlNets, not {scales!r}"
            )
        for name in ("prompt", "negative_prompt"):
            value = getattr(self, name)
            if value is not None and not _is_text(value):
                raise ValueError(f"{name} of a side must be a string or some, not {value!r}")
        self._check_adapters()
        if self.experts not in (None, "best", "worst"):
            raise ValueError(f"experts of a side must be 'best' or 'worst', not {self.experts!r}")

    def _check_adapters(self) -> None:
        if self.adapters is None:
            return
        if not isinstance(self.adapters, Mapping):
            raise ValueError(
                f"adapters of a side must be names and scales, for example "
                f"{{'art': 0.5}}, not {self.adapters!r}"
            )
        for name, scale in self.adapters.items():
            if not isinstance(name, str):
                raise ValueError(f"adapters of a side must have names, not {name!r}")
            if not _is_number(scale):
                raise ValueError(
                    f"adapters of a side: the scale of {name!r} must be a finite number, "
                    f"not {scale!r}"
                )

    def guidance(self, of_call: float) -> float:
        """The scale in force: this side's own or the call's, which at 1 or less is none."""
        if self.guidance_scale is not None:
            return self.guidance_scale
        return of_call if of_call > 1 else 1.0

    @property
    def without_guidance(self) -> Side:
        return replace(self, guidance_scale=None)


@dataclass(frozen=True)
class Reflection:
    """Which models reflect, in which steps, and how.

    The final side, which advances the sample, is the pipeline call itself.

    Attributes:
        strong, weak: the pair; the sample is pushed along strong - weak.
        steps: how many of the earliest (noisiest) steps reflect: a float from 0.0 to 1.0 is
            a fraction of them, an int a number; more than there are means all.
        mode: exact (the default), official (parity with the published code), implicit,
            cached (experimental), or extrapolate (the baseline without reflection).
        gap: multiplies the difference; any finite number, 1 in the paper.

    Raises:
        ValueError: for a side, a mode or a number that makes no sense.
    """

    strong: Side = field(default_factory=Side)
    weak: Side = field(default_factory=Side)
    steps: float | int = 1.0
    mode: Mode = "exact"
    gap: float = 1.0

    def __post_init__(self) -> None:
        for name in ("strong", "weak"):
            if not isinstance(getattr(self, name), Side):
                raise ValueError(f"{name} must be a Side, not {getattr(self, name)!r}")
        if self.mode not in MODES:
            raise ValueError(f"mode {self.mode!r} is not known; choose from {', '.join(MODES)}")
        for name in ("steps", "gap"):
            value = getattr(self, name)
            if not _is_number(value):
                raise ValueError(f"{name} must be a number, not {value!r}")
        if self.steps < 0:
            raise ValueError(f"steps must not be negative, got {self.steps!r}")
        if not isinstance(self.steps, int) and self.steps > 1:
            raise ValueError(
                f"steps={self.steps} is a float, so a fraction, and more than 1; "
                f"for a number of steps write an integer"
            )

    def count(self, total: int) -> int:
        """How many of ``total`` steps reflect.

        The published code leaves the last step alone, and so does ``official``.
        """
        if isinstance(self.steps, int):
            wanted = min(self.steps, total)
        else:
            wanted = int(self.steps * total + 0.5)
        return min(wanted, total - 1) if self.mode == "official" else wanted

    @property
    def guidance_pair(self) -> bool:
        """True if the two sides differ in guidance only: one call yields both outputs."""
        return self.strong.without_guidance == self.weak.without_guidance

    def final_yields_pair(self, halves: bool = True, direct: bool = True) -> bool:
        """True if the final call's two halves are all that a reflected step evaluates.

        Args: as for ``stages``.
        """
        return (
            self.mode in ("cached", "extrapolate")
            and halves
            and direct
            and self.guidance_pair
            and self.strong.without_guidance == Side()
        )

    def stages(self, halves: bool = True, direct: bool = True) -> tuple[Stage, ...]:
        """The denoiser calls of one reflected step, in order.

        Args:
            halves: whether guidance is made of two halves, not an input of the model.
            direct: whether the sampler gets the model's output as it is (``Family.direct``).
        """
        if self.final_yields_pair(halves, direct):
            return (Stage.FINAL,)
        if self.mode == "implicit" and halves and self.guidance_pair:
            return (Stage.PAIR, Stage.FINAL)
        if self.mode in ("cached", "extrapolate") and self.strong == Side():
            return (Stage.WEAK, Stage.FINAL)  # strong and final are one output
        return (Stage.STRONG, Stage.WEAK, Stage.FINAL)

    def doubles(self, guidance_scale: float) -> bool:
        """True if the call, or a side, needs both halves of classifier-free guidance."""
        scales = (self.strong.guidance_scale, self.weak.guidance_scale)
        return guidance_scale > 1 or any(scale not in (None, 1.0) for scale in scales)

    def cost(
        self, guidance_scale: float, total: int, *, halves: bool = True, direct: bool = True
    ) -> int:
        """Denoiser samples evaluated for one clip: cond and uncond count one each.

        Args:
            guidance_scale: classifier-free guidance of the call, that is of the final side.
            total: number of inference steps.
            halves, direct: as for ``stages``.
        """
        doubled = self.doubles(guidance_scale) if halves else guidance_scale > 1

        def samples(side: Side) -> int:
            scale = side.guidance(guidance_scale) if halves else guidance_scale
            return 1 if not doubled or scale in (0.0, 1.0) else 2

        plain = samples(Side())
        each = {
            Stage.STRONG: samples(self.strong),
            Stage.WEAK: samples(self.weak),
            Stage.PAIR: 2 if doubled else 1,
            Stage.FINAL: 2 if doubled and self.final_yields_pair(halves, direct) else plain,
        }
        reflected = self.count(total)
        stages = self.stages(halves, direct)
        return reflected * sum(each[stage] for stage in stages) + (total - reflected) * plain
