"""HunyuanVideo: guidance is an input of the model; true guidance takes a second call."""

from __future__ import annotations

from dataclasses import replace

from diffusers import (
    HunyuanSkyreelsImageToVideoPipeline,
    HunyuanVideoImageToVideoPipeline,
    HunyuanVideoPipeline,
)

from ..core.family import Family, Guidance, Layout
from ..core.pipeline import ReflectionMixin

FAMILY = Family(
    layout=Layout.COND_THEN_UNCOND, guidance=Guidance(("true_cfg_scale",), embedded=1000.0)
)


class HunyuanVideoW2SDPipeline(ReflectionMixin, HunyuanVideoPipeline):
    """``HunyuanVideoPipeline`` with ``reflection=``."""

    family = FAMILY


class HunyuanVideoImageToVideoW2SDPipeline(ReflectionMixin, HunyuanVideoImageToVideoPipeline):
    """``HunyuanVideoImageToVideoPipeline`` with ``reflection=``."""

    family = replace(FAMILY, direct=False)  # the first frame may be given


class HunyuanSkyreelsImageToVideoW2SDPipeline(ReflectionMixin, HunyuanSkyreelsImageToVideoPipeline):
    """``HunyuanSkyreelsImageToVideoPipeline`` with ``reflection=``."""

    family = FAMILY
