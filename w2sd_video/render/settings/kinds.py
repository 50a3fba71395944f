"""What a pipeline's name tells: what it makes, what it takes, and how many at once."""

from __future__ import annotations

from collections.abc import Iterator

from w2sd_video.pipelines.catalog import FAMILIES, GUIDANCE_IS_AN_INPUT, LTX2_TERMS
from w2sd_video.render.settings import models
from w2sd_video.render.settings.config import Config, Model

IMAGE_FAMILIES = (
    "stable_diffusion",
    "stable_diffusion_xl",
    "stable_diffusion_3",
    "flux",
    "pixart",
    "dit",
    "dit_moe",
)
IMAGES = {"SanaPipeline", *(name for family in IMAGE_FAMILIES for name in FAMILIES[family])}
CLASS_CONDITIONAL = {"DiTPipeline", "DiTMoEPipeline"}

# Diffusers makes one clip a call with these: the first two repeat one clip's conditions in a
# way that fits no other number, and the VAE of the others can't decode a batch.
ONE_A_CALL = {
    "AnimateDiffControlNetPipeline",
    "AnimateDiffVideoToVideoControlNetPipeline",
    "HunyuanVideo15Pipeline",
    "HunyuanVideo15ImageToVideoPipeline",
}

# Where every clip of a call has an input of its own; elsewhere a call takes one for all.
INPUT_EACH = {
    "AnimateDiffVideoToVideoPipeline",
    "CogVideoXImageToVideoPipeline",
    "CogVideoXVideoToVideoPipeline",
    "HunyuanSkyreelsImageToVideoPipeline",
    "HunyuanVideoImageToVideoPipeline",
    "LTXImageToVideoPipeline",
    "LTX2ImageToVideoPipeline",
    "StableDiffusionControlNetPipeline",
    "StableDiffusionXLControlNetPipeline",
    "WanVideoToVideoPipeline",
}

# The pipeline of a model once it has a motion adapter, and then a ControlNet.
WITH_MOTION = {
    "StableDiffusionPipeline": "AnimateDiffPipeline",
    "StableDiffusionXLPipeline": "AnimateDiffSDXLPipeline",
}
WITH_CONTROLNET = {
    "AnimateDiffPipeline": "AnimateDiffControlNetPipeline",
    "StableDiffusionPipeline": "StableDiffusionControlNetPipeline",
    "StableDiffusionXLPipeline": "StableDiffusionXLControlNetPipeline",
}


def pipeline_name(model: Model) -> str | None:
    """The diffusers class to load, as configured or as the model's files say; None if neither."""
    if model.pipeline:
        return model.pipeline
    name: str | None = models.index(model.id, model.revision).get("_class_name")
    if model.motion_adapter:
        name = WITH_MOTION.get(name, name) if name else "AnimateDiffPipeline"
    return WITH_CONTROLNET.get(name, name) if name and model.controlnet else name


def true_guidance(pipeline: str | None, config: Config) -> float | None:
    """The scale of classifier-free guidance; None if it is left to the pipeline.

    Where guidance is an input of the model, that is ``true_cfg_scale``, which takes a negative
    prompt to be in force.
    """
    if pipeline not in GUIDANCE_IS_AN_INPUT:
        return config.guidance_scale
    scale = config.arguments.get("true_cfg_scale", GUIDANCE_IS_AN_INPUT[pipeline])
    return float(scale) if config.negative_prompt is not None else 1.0


def steps(pipeline: str | None, config: Config) -> int | None:
    """How many steps a clip takes; None if that is left to the pipeline.

    From a given video, the noisiest steps are left out.
    """
    count, strength = config.num_inference_steps, config.strength
    if strength is None and "VideoToVideo" in (pipeline or ""):
        strength = 0.8  # diffusers' default, for all of them
    if count is None or strength is None:
        return count
    return min(int(count * strength), count)


def has_further_guidance(pipeline: str | None, config: Config) -> bool:
    """Whether steps take more denoiser calls than classifier-free guidance does."""
    given = config.arguments
    if pipeline in ("LTX2Pipeline", "LTX2ImageToVideoPipeline"):
        return any(given.get(name) != off for name, off in LTX2_TERMS.items())
    return given.get("skip_guidance_layers") is not None


def why_alone(pipeline: str | None, config: Config) -> str | None:
    """Why clips can't be denoised together, as a sentence; None if they can."""
    if pipeline in ONE_A_CALL:
        return f"diffusers makes one clip a call with {pipeline}"
    if pipeline == "HunyuanVideoImageToVideoPipeline" and (
        (true_guidance(pipeline, config) or 0) > 1
    ):
        return f"diffusers makes one clip a call with {pipeline} and true_cfg_scale"
    if pipeline == "LattePipeline":  # pads and masks the prompts of a batch, cuts a single one
        return f"{pipeline} would make another clip in company"
    return None


def needed(pipeline: str, config: Config) -> Iterator[str]:
    """The keys of the files that a clip can't be made without."""
    if "VideoToVideo" in pipeline:
        yield "video"
    if "ControlNet" in pipeline:
        yield "conditioning_frames" if pipeline.startswith("AnimateDiff") else "image"
    if "ImageToVideo" in pipeline:
        yield "image"
    if config.model.ip_adapter:
        yield "ip_adapter_image"
