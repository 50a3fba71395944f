"""HunyuanVideo 1.5: guidance comes from a guider, a component of the pipeline."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from diffusers import HunyuanVideo15ImageToVideoPipeline, HunyuanVideo15Pipeline

from ..core.family import Call, Family, Guidance, Layout
from ..core.pipeline import ReflectionMixin
from ..core.reflection import Reflection


class _Guider(Guidance):
    def of(self, pipe: Any, call: Call, denoiser: int = 0) -> float:
        guider = pipe.guider
        return float(guider.guidance_scale) if guider._enabled else 1.0

    def rescaled_by(self, pipe: Any, call: Call) -> list[str]:
        return ["the guider's guidance_rescale"] if pipe.guider.guidance_rescale > 0 else []

    def switch_on(self, pipe: Any, call: dict[str, Any]) -> Callable[[], None]:
        guider = pipe.guider
        before = guider.guidance_scale, guider._enabled
        guider.guidance_scale, guider._enabled = 2.0, True

        def undo() -> None:
            guider.guidance_scale, guider._enabled = before

        return undo


def _refuses(pipe: Any, call: Call, reflection: Reflection) -> str | None:
    guider = pipe.guider
    name = type(guider).__name__
    if name != "ClassifierFreeGuidance" or guider.use_original_formulation:
        return (
            f"reflection knows the guider ClassifierFreeGuidance with diffusers' own formula, "
            f"not {name}; pass one as pipe.guider"
        )
    if (guider._start, guider._stop) != (0.0, 1.0):
        return (
            "a guider that starts late or stops early cannot reflect; "
            "use ClassifierFreeGuidance(start=0.0, stop=1.0)"
        )
    if guider._enabled and guider.guidance_scale < 1:
        return (
            f"a guider with guidance_scale={guider.guidance_scale:g} goes on making both calls, "
            f"where other pipelines have no guidance; use 1 or more, or enabled=False"
        )
    return None


FAMILY = Family(layout=Layout.COND_THEN_UNCOND, guidance=_Guider(), refuses=_refuses)


class HunyuanVideo15W2SDPipeline(ReflectionMixin, HunyuanVideo15Pipeline):
    """``HunyuanVideo15Pipeline`` with ``reflection=``."""

    family = FAMILY


class HunyuanVideo15ImageToVideoW2SDPipeline(ReflectionMixin, HunyuanVideo15ImageToVideoPipeline):
    """``HunyuanVideo15ImageToVideoPipeline`` with ``reflection=``."""

    family = FAMILY
