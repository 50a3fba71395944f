"""CogVideoX: from a prompt, an image or a video."""

from __future__ import annotations

from typing import Any

from diffusers import (
    CogVideoXImageToVideoPipeline,
    CogVideoXPipeline,
    CogVideoXVideoToVideoPipeline,
)

from ..core.family import Call, Family
from ..core.pipeline import ReflectionMixin
from ..core.reflection import Reflection


def _refuses(pipe: Any, call: Call, reflection: Reflection) -> str | None:
    if call.get("use_dynamic_cfg") and pipe.family.yields_unnamed_pair(reflection):
        return (
            "use_dynamic_cfg=True changes the guidance with every step; name the guidance_scale "
            "of both sides, pass use_dynamic_cfg=False, or use mode='exact'"
        )
    return None


FAMILY = Family(refuses=_refuses)


class CogVideoXW2SDPipeline(ReflectionMixin, CogVideoXPipeline):
    """``CogVideoXPipeline`` with ``reflection=``."""

    family = FAMILY


class CogVideoXImageToVideoW2SDPipeline(ReflectionMixin, CogVideoXImageToVideoPipeline):
    """``CogVideoXImageToVideoPipeline`` with ``reflection=``."""

    family = FAMILY


class CogVideoXVideoToVideoW2SDPipeline(ReflectionMixin, CogVideoXVideoToVideoPipeline):
    """``CogVideoXVideoToVideoPipeline`` with ``reflection=``."""

    family = FAMILY
