"""LTX-2: video with sound. Both are latents of their own, and both reflect."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from diffusers import LTX2ImageToVideoPipeline, LTX2Pipeline

from ..core.family import Call, Family, Guidance
from ..core.pipeline import ReflectionMixin
from ..core.reflection import Reflection
from .catalog import LTX2_TERMS
from .guidance import unless_off


def _further_terms(call: Call) -> bool:
    return any(call.get(name) not in (None, off) for name, off in LTX2_TERMS.items())


_refuses_terms = unless_off(_further_terms, ", ".join(f"{k}={v}" for k, v in LTX2_TERMS.items()))


def _refuses(pipe: Any, call: Call, reflection: Reflection) -> str | None:
    scales = {call.get("guidance_scale"), call.get("audio_guidance_scale")} - {None}
    if len(scales) > 1 and pipe.family.yields_unnamed_pair(reflection):
        return (
            "guidance_scale and audio_guidance_scale differ; name the guidance_scale of both "
            "sides, or use mode='exact'"
        )
    return _refuses_terms(pipe, call, reflection)


class _Guidance(Guidance):
    """Of the video and of the sound: one of them makes the pipeline evaluate both halves."""

    def of(self, pipe: Any, call: Call, denoiser: int = 0) -> float:
        scales = (call.get("guidance_scale"), call.get("audio_guidance_scale"))
        return max(1.0, *(float(scale or 0.0) for scale in scales))


FAMILY = Family(guidance=_Guidance(), refuses=_refuses)


class LTX2W2SDPipeline(ReflectionMixin, LTX2Pipeline):
    """``LTX2Pipeline`` with ``reflection=``."""

    family = FAMILY


class LTX2ImageToVideoW2SDPipeline(ReflectionMixin, LTX2ImageToVideoPipeline):
    """``LTX2ImageToVideoPipeline`` with ``reflection=``."""

    family = replace(FAMILY, direct=False)  # the first frame is given
