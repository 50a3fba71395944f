"""The pipelines that reflect, by name: what can be told of them without loading anything."""

from __future__ import annotations

from ..core.reflection import Reflection

# The files beside this one, and the diffusers pipelines that each makes reflect. They are
# imported when first needed.
FAMILIES: dict[str, tuple[str, ...]] = {
    "animatediff": (
        "AnimateDiffPipeline",
        "AnimateDiffSDXLPipeline",
        "AnimateDiffControlNetPipeline",
        "AnimateDiffSparseControlNetPipeline",
        "AnimateDiffVideoToVideoPipeline",
        "AnimateDiffVideoToVideoControlNetPipeline",
    ),
    "cogvideox": (
        "CogVideoXPipeline",
        "CogVideoXImageToVideoPipeline",
        "CogVideoXVideoToVideoPipeline",
    ),
    "latte": ("LattePipeline",),
    "ltx": ("LTXPipeline", "LTXImageToVideoPipeline"),
    "ltx2": ("LTX2Pipeline", "LTX2ImageToVideoPipeline"),
    "wan": ("WanPipeline", "WanImageToVideoPipeline", "WanVideoToVideoPipeline"),
    "hunyuan_video": (
        "HunyuanVideoPipeline",
        "HunyuanVideoImageToVideoPipeline",
        "HunyuanSkyreelsImageToVideoPipeline",
    ),
    "hunyuan_video15": ("HunyuanVideo15Pipeline", "HunyuanVideo15ImageToVideoPipeline"),
    "mochi": ("MochiPipeline",),
    "sana": ("SanaPipeline", "SanaVideoPipeline", "SanaImageToVideoPipeline"),
    "allegro": ("AllegroPipeline",),
    "stable_diffusion": ("StableDiffusionPipeline", "StableDiffusionControlNetPipeline"),
    "stable_diffusion_xl": ("StableDiffusionXLPipeline", "StableDiffusionXLControlNetPipeline"),
    "stable_diffusion_3": ("StableDiffusion3Pipeline",),
    "flux": ("FluxPipeline",),
    "pixart": ("PixArtAlphaPipeline", "PixArtSigmaPipeline"),
    "dit": ("DiTPipeline",),
    "dit_moe": ("DiTMoEPipeline",),
}
MODULES = {stock: module for module, names in FAMILIES.items() for stock in names}


def reflecting_name(stock: str) -> str:
    """The name of the class that stands on a diffusers pipeline."""
    return stock.removesuffix("Pipeline") + "W2SDPipeline"


# Names of the classes that reflect, and the module of each.
CLASSES = {reflecting_name(stock): module for stock, module in MODULES.items()}

# What a cost depends on; the families' own files say the same (``Family.halves``, ``.direct``).
# Of guidance that is a model's input, with the scale of classifier-free guidance beside it
# (``true_cfg_scale``) that diffusers takes where none is given.
GUIDANCE_IS_AN_INPUT = {
    "FluxPipeline": 1.0,
    "HunyuanSkyreelsImageToVideoPipeline": 6.0,
    "HunyuanVideoPipeline": 1.0,
    "HunyuanVideoImageToVideoPipeline": 1.0,
}
FIRST_FRAME_IS_GIVEN = {
    "HunyuanVideoImageToVideoPipeline",
    "LTXImageToVideoPipeline",
    "LTX2ImageToVideoPipeline",
    "SanaImageToVideoPipeline",
}
# LTX-2's guidance beside the classifier-free one, each by further denoiser calls, and the values
# that switch it off. It is on by default.
LTX2_TERMS = {
    "stg_scale": 0.0,
    "audio_stg_scale": 0.0,
    "modality_scale": 1.0,
    "audio_modality_scale": 1.0,
}


def cost(pipeline: str, reflection: Reflection, guidance_scale: float, steps: int) -> int:
    """Denoiser samples for one clip of a diffusers pipeline: cond and uncond count one each.

    Args:
        pipeline: the name of its class.
        guidance_scale: of classifier-free guidance; where guidance is an input of the model,
            that is ``true_cfg_scale``.
        steps: number of inference steps.
    """
    return reflection.cost(
        guidance_scale,
        steps,
        halves=pipeline not in GUIDANCE_IS_AN_INPUT,
        direct=pipeline not in FIRST_FRAME_IS_GIVEN,
    )
