"""What a clip costs."""

from __future__ import annotations

from w2sd_video.core.reflection import Reflection
from w2sd_video.pipelines.catalog import MODULES, cost
from w2sd_video.render.settings import kinds
from w2sd_video.render.settings.config import Config


def evaluations(config: Config) -> int | None:
    """How many denoiser samples one clip costs; conditional and unconditional each count.

    None if the steps or the guidance are left to the pipeline, or there is more guidance than
    by the prompt.
    """
    name = kinds.pipeline_name(config.model)
    steps, scale = kinds.steps(name, config), kinds.true_guidance(name, config)
    if steps is None or scale is None or kinds.has_further_guidance(name, config):
        return None
    reflection = Reflection(steps=0)
    if config.reflection is not None:
        reflection = config.reflection.build(lambda reference: reference)
    if name not in MODULES:
        return reflection.cost(scale, steps)
    return cost(str(name), reflection, scale, steps)
