"""Pipelines that reflect: one file per model family."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .catalog import CLASSES

if TYPE_CHECKING:
    from ..core.family import UnsupportedSide
    from ..core.steps import UnsupportedScheduler
    from .allegro import AllegroW2SDPipeline
    from .animatediff import (
        AnimateDiffControlNetW2SDPipeline,
        AnimateDiffSDXLW2SDPipeline,
        AnimateDiffSparseControlNetW2SDPipeline,
        AnimateDiffVideoToVideoControlNetW2SDPipeline,
        AnimateDiffVideoToVideoW2SDPipeline,
        AnimateDiffW2SDPipeline,
    )
    from .cogvideox import (
        CogVideoXImageToVideoW2SDPipeline,
        CogVideoXVideoToVideoW2SDPipeline,
        CogVideoXW2SDPipeline,
    )
    from .dit import DiTW2SDPipeline
    from .dit_moe import DiTMoEW2SDPipeline
    from .families import as_reflecting, reflect
    from .flux import FluxW2SDPipeline
    from .hunyuan_video import (
        HunyuanSkyreelsImageToVideoW2SDPipeline,
        HunyuanVideoImageToVideoW2SDPipeline,
        HunyuanVideoW2SDPipeline,
    )
    from .hunyuan_video15 import (
        HunyuanVideo15ImageToVideoW2SDPipeline,
        HunyuanVideo15W2SDPipeline,
    )
    from .latte import LatteW2SDPipeline
    from .ltx import LTXImageToVideoW2SDPipeline, LTXW2SDPipeline
    from .ltx2 import LTX2ImageToVideoW2SDPipeline, LTX2W2SDPipeline
    from .mochi import MochiW2SDPipeline
    from .pixart import PixArtAlphaW2SDPipeline, PixArtSigmaW2SDPipeline
    from .sana import (
        SanaImageToVideoW2SDPipeline,
        SanaVideoW2SDPipeline,
        SanaW2SDPipeline,
    )
    from .stable_diffusion import (
        StableDiffusionControlNetW2SDPipeline,
        StableDiffusionW2SDPipeline,
    )
    from .stable_diffusion_3 import StableDiffusion3W2SDPipeline
    from .stable_diffusion_xl import (
        StableDiffusionXLControlNetW2SDPipeline,
        StableDiffusionXLW2SDPipeline,
    )
    from .wan import (
        WanImageToVideoW2SDPipeline,
        WanVideoToVideoW2SDPipeline,
        WanW2SDPipeline,
    )
    from .weights import load_denoiser

# Names of this package and the modules that they come from, imported when first used.
_MODULES = {
    "UnsupportedScheduler": "w2sd_video.core.steps",
    "UnsupportedSide": "w2sd_video.core.family",
    "as_reflecting": f"{__name__}.families",
    "load_denoiser": f"{__name__}.weights",
    "reflect": f"{__name__}.families",
    **{name: f"{__name__}.{module}" for name, module in CLASSES.items()},
}
__all__ = list(_MODULES)


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
