"""What the core must know of a model family: a few declarative lines each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import Enum
from typing import Any

from torch import nn

from . import caches
from .reflection import Reflection, Side, Stage

Call = Mapping[str, Any]  # the arguments of a pipeline call, by name

WEIGHTS = frozenset({"denoiser", "adapters"})
PROMPTS = frozenset({"prompt", "negative_prompt"})


class UnsupportedSide(ValueError):
    """The pipeline cannot do what a Side asks for."""


class Layout(Enum):
    """How a pipeline asks its denoiser for the two halves of classifier-free guidance."""

    UNCOND_COND = "one batch, the unconditional half first"
    COND_UNCOND = "one batch, the conditional half first"
    COND_THEN_UNCOND = "two calls, the conditional one first"

    @property
    def batched(self) -> bool:
        return self is not Layout.COND_THEN_UNCOND

    @property
    def conditional(self) -> int:
        """Which half, or which call, is the conditional one."""
        return int(self is Layout.UNCOND_COND)


@dataclass(frozen=True)
class Guidance:
    """Where a pipeline call has its guidance.

    Attributes:
        arguments: names of the call's arguments, one for each denoiser; a later one that is
            None is as the first. The first decides whether there is any guidance.
        embedded: None for classifier-free guidance. Otherwise the scale is an input of the
            model (its ``guidance`` argument), and this is what the pipeline multiplies it
            by; ``arguments`` then names the scale of the true guidance beside it.
    """

    arguments: tuple[str, ...] = ("guidance_scale",)
    embedded: float | None = None

    def of(self, pipe: Any, call: Call, denoiser: int = 0) -> float:
        """The scale that a call samples with; without guidance it is 1."""
        first = float(call.get(self.arguments[0]) or 0.0)
        if first <= 1:
            return 1.0
        later = call.get(self.arguments[min(denoiser, len(self.arguments) - 1)])
        return first if later is None else float(later)

    def twice(self, call: Call) -> bool:
        """Whether a call of a model with embedded guidance also has true guidance."""
        negative = call.get("negative_prompt") is not None or (
            call.get("negative_prompt_embeds") is not None
        )
        return negative and float(call.get(self.arguments[0]) or 0.0) > 1

    def rescaled_by(self, pipe: Any, call: Call) -> list[str]:
        """The arguments by which a call rescales it."""
        names = ("guidance_rescale", "audio_guidance_rescale")
        return [name for name in names if (call.get(name) or 0.0) > 0]

    def switch_on(self, pipe: Any, call: dict[str, Any]) -> Callable[[], None]:
        """Have the pipeline evaluate both halves; what is returned undoes it."""
        call[self.arguments[0]] = 2.0
        return lambda: None


@dataclass(frozen=True)
class Family:
    """One family of pipelines.

    Attributes:
        denoisers: names of the pipeline's denoiser attributes.
        layout: how guidance is asked for.
        guidance: where it comes from.
        differences: the Side fields that this family can carry out.
        direct: whether ``scheduler.step`` gets the denoiser's output as it is, but for
            guidance, casts and a learned variance. If not (a first frame is cut off, say),
            one call can't yield the outputs of both sides, and a pair in guidance costs as
            much as any other.
        refuses: ``refuses(pipe, call, reflection)``: why this call cannot reflect, as a
            sentence that says what to change; None if it can.
        fit: makes a denoiser that a Side names ready for a pipeline, if it needs to be.
        gates: the top-k gates of a mixture of experts, each with an attribute ``experts``.
    """

    denoisers: tuple[str, ...] = ("transformer",)
    layout: Layout = Layout.UNCOND_COND
    guidance: Guidance = Guidance()
    differences: frozenset[str] = WEIGHTS | PROMPTS | {"guidance_scale"}
    direct: bool = True
    refuses: Callable[[Any, Call, Reflection], str | None] = lambda pipe, call, reflection: None
    fit: Callable[[Any, nn.Module], nn.Module] = lambda pipe, module: module
    gates: Callable[[nn.Module], Sequence[nn.Module]] = lambda module: []

    @property
    def halves(self) -> bool:
        """True if a Side's guidance is classifier-free: made of two halves."""
        return self.guidance.embedded is None

    def modules(self, pipe: Any) -> dict[str, Any]:
        """The denoisers that a pipeline has; some have fewer than their family may."""
        found = {name: getattr(pipe, name, None) for name in self.denoisers}
        return {name: module for name, module in found.items() if module is not None}

    def yields_unnamed_pair(self, reflection: Reflection) -> bool:
        """Whether one call is to yield both outputs, of sides whose guidance is the call's own."""
        stages = reflection.stages(self.halves, self.direct)
        sides = (reflection.strong, reflection.weak)
        return (
            Stage.PAIR in stages or reflection.final_yields_pair(self.halves, self.direct)
        ) and any(side.guidance_scale is None for side in sides)

    def check(self, pipe: Any, call: Call, reflection: Reflection) -> None:
        """Refuse, by name, what this family or this pipeline cannot do.

        Raises:
            UnsupportedSide
        """
        for name, side in (("strong", reflection.strong), ("weak", reflection.weak)):
            self._check_side(pipe, side, name)
        if call.get("callback") is not None:
            raise UnsupportedSide(
                "callback= is called after every denoiser call; use callback_on_step_end="
            )
        if call.get("denoising_end") is not None and reflection.mode == "cached":
            raise UnsupportedSide(
                "mode='cached' pushes the sample for its next step, which denoising_end leaves to "
                "another pipeline; use mode='exact' or 'implicit'"
            )
        _check_caches(self.modules(pipe).values())
        if call.get("strength") is not None:
            for name in ("timesteps", "sigmas", "enforce_inference_steps"):
                if call.get(name):
                    raise UnsupportedSide(
                        f"{name}= together with strength= cannot reflect; "
                        f"use num_inference_steps= alone"
                    )
            if getattr(pipe, "free_init_enabled", False):
                raise UnsupportedSide(
                    "FreeInit cannot reflect from a given video (diffusers applies strength "
                    "again in every iteration); call pipe.disable_free_init()"
                )
        self._check_image(pipe, call, reflection)
        if (why := self.refuses(pipe, call, reflection)) is not None:
            raise UnsupportedSide(why)
        self._check_rescaling(pipe, call, reflection)
        self._check_negative_prompt(pipe, call, reflection)

    def _check_rescaling(self, pipe: Any, call: Call, reflection: Reflection) -> None:
        """What rescales the pipeline's own guidance has no part in the difference of its halves."""
        if self.guidance.of(pipe, call) <= 1 or not self.yields_unnamed_pair(reflection):
            return
        for name in self.guidance.rescaled_by(pipe, call):
            raise UnsupportedSide(
                f"mode={reflection.mode!r} takes a pair in guidance from one call, in which {name} "
                f"has no part; set it to 0, name the guidance_scale of both sides, or use "
                f"mode='exact'"
            )

    def _check_negative_prompt(self, pipe: Any, call: Call, reflection: Reflection) -> None:
        """A side's negative prompt is shown to the unconditional half only."""
        sides = {"strong": reflection.strong, "weak": reflection.weak}
        if self.halves:
            scale = self.guidance.of(pipe, call)
            seen = any(side.guidance(scale) != 1.0 for side in sides.values())
            how = "raise the guidance of the call or of a side above 1"
        else:
            seen = self.guidance.twice(call)
            how = f"pass a negative_prompt and {self.guidance.arguments[0]} > 1 to the call"
        for name, side in sides.items():
            if side.negative_prompt is not None and not seen:
                raise UnsupportedSide(
                    f"{name}.negative_prompt would have no effect: neither side evaluates an "
                    f"unconditional half; {how}"
                )

    def _check_image(self, pipe: Any, call: Call, reflection: Reflection) -> None:
        """What an IP-Adapter is given must be there for the sides as well."""
        if call.get("ip_adapter_image_embeds") is not None and self.halves:
            scale = self.guidance.of(pipe, call)
            if scale <= 1 and reflection.doubles(scale):
                raise UnsupportedSide(
                    "without guidance in the call its ip_adapter_image_embeds have no "
                    "unconditional half, which a side's guidance_scale needs; pass "
                    "ip_adapter_image, or a guidance_scale > 1 with embeddings of both halves"
                )
        sides = {"strong": reflection.strong, "weak": reflection.weak}
        for name, side in sides.items():
            asked = side.ip_adapter_scale is not None
            if asked and not _has_image(call) and self._has_ip_adapter(pipe, side):
                raise UnsupportedSide(
                    f"{name}.ip_adapter_scale would have no effect: the call has no image; pass "
                    f"ip_adapter_image or ip_adapter_image_embeds to it"
                )
        if (
            call.get("ip_adapter_image") is not None
            and any(side.ip_adapter_scale for side in sides.values())
            and not getattr(pipe, "is_ip_adapter_active", True)
        ):
            raise UnsupportedSide(
                f"{type(pipe).__name__} leaves ip_adapter_image out as long as its own IP-Adapter "
                f"is missing or at scale 0, so that no side could see it; "
                f"call pipe.set_ip_adapter_scale(...) with more than 0"
            )

    def _has_ip_adapter(self, pipe: Any, side: Side) -> bool:
        given = side.denoiser
        if given is None:
            given = tuple(self.modules(pipe).values())
        modules = given if isinstance(given, (tuple, list)) else (given,)
        return any(image_processors(m) for m in modules if isinstance(m, nn.Module))

    def _check_side(self, pipe: Any, side: Side, name: str) -> None:
        for entry in fields(side):
            asked = getattr(side, entry.name) is not None
            if asked and entry.name not in self.differences:
                raise UnsupportedSide(
                    f"{type(pipe).__name__} cannot do {name}.{entry.name}; it can differ in "
                    f"{', '.join(sorted(self.differences))}"
                )
        scales, nets = side.controlnet_scale, _controlnets(pipe)
        if isinstance(scales, (list, tuple)) and len(scales) != nets:
            raise UnsupportedSide(
                f"{name}.controlnet_scale has {len(scales)} scales, and the pipeline "
                f"{nets} ControlNet{'s' * (nets > 1)}; give one for each, or one for all"
            )
        given = side.denoiser
        _check_caches(given if isinstance(given, (tuple, list)) else (given,))
        if side.guidance_scale is None:
            return
        config = next(iter(self.modules(pipe).values())).config
        if config.get("time_cond_proj_dim"):
            raise UnsupportedSide(
                f"{name}.guidance_scale: this model takes its guidance as an input (LCM) and "
                f"has no unconditional half to guide with; let the sides differ in something else"
            )
        if not self.halves and not config.get("guidance_embeds"):
            raise UnsupportedSide(
                f"{name}.guidance_scale is the guidance that a model takes as an input, and the "
                f"one in this {type(pipe).__name__} takes none; let the sides differ in "
                f"something else"
            )


def image_processors(module: nn.Module) -> list[Any]:
    """The attention processors that an IP-Adapter has put into a denoiser."""
    found = (getattr(layer, "processor", None) for layer in module.modules())
    return [p for p in found if "IPAdapter" in type(p).__name__]


def _controlnets(pipe: Any) -> int:
    return len(getattr(getattr(pipe, "controlnet", None), "nets", (1,)))


def _has_image(call: Call) -> bool:
    """Whether a call gives an IP-Adapter anything to see."""
    inner = call.get("joint_attention_kwargs") or {}
    given = {**call, **inner}
    return any(value is not None for name, value in given.items() if "ip_adapter_image" in name)


def _check_caches(denoisers: Iterable[Any]) -> None:
    for module in denoisers:
        names = caches.mixing(module) if isinstance(module, nn.Module) else []
        if names:
            raise UnsupportedSide(
                f"nothing keeps what {' and '.join(names)} has of one side from the other; call "
                f"disable_cache() on the denoiser first, or use one of "
                f"{', '.join(caches.KEPT_APART)}"
            )
