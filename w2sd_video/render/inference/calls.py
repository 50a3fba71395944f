"""A clip's configuration as the arguments of its pipeline's call."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Mapping
from inspect import Parameter
from typing import Any

import diffusers
import torch

from w2sd_video.render.errors import InputError, did_you_mean
from w2sd_video.render.jobs.job import Job
from w2sd_video.render.media import inputs
from w2sd_video.render.settings import kinds
from w2sd_video.render.settings.config import Config

# Keys that are arguments, and the names that some pipelines have for them.
NAMES: dict[str, tuple[str, ...]] = {
    "height": ("height",),
    "width": ("width",),
    "num_frames": ("num_frames", "video_length", "frames"),
    "num_inference_steps": ("num_inference_steps",),
    "guidance_scale": ("guidance_scale",),
    "negative_prompt": ("negative_prompt",),
    "strength": ("strength",),
    "controlnet_conditioning_scale": ("controlnet_conditioning_scale",),
    **{key: (key,) for key in inputs.KEYS},
}
KEY_OF = {name: key for key, names in NAMES.items() for name in names} | {"frame_rate": "fps"}

# Given by this program, or no matter of a configuration.
OURS = (
    "self",
    "prompt",
    "class_labels",
    "generator",
    "output_type",
    "return_dict",
    "callback",
    "callback_steps",
    "callback_on_step_end",
    "callback_on_step_end_tensor_inputs",
    "latents",
    "kwargs",
)
NEED_FTFY = ("WanImageToVideoPipeline", "WanVideoToVideoPipeline")


def check(cls: type, config: Config) -> None:
    """See that a pipeline's call takes all that is configured, and gets the files it needs.

    Raises:
        InputError: naming the key.
    """
    taken = parameters(cls)
    for key, names in NAMES.items():
        if getattr(config, key) is None or (key == "guidance_scale" and has_guider(cls)):
            continue
        if not any(name in taken for name in names):
            raise InputError(f"{cls.__name__} has no such argument", key=key)
    free = [name for name in taken if name not in OURS and name not in KEY_OF]
    for name in config.arguments:
        key = KEY_OF.get(name, name)
        if key in Config.model_fields:
            raise InputError(f"is a key by itself: {key}", key=f"arguments.{name}")
        if name not in free:
            near = did_you_mean(name, free)
            raise InputError(f"{cls.__name__} has no such argument{near}", key=f"arguments.{name}")
    # Two of Wan's pipelines use ftfy without asking whether it is there.
    if cls.__name__ in NEED_FTFY and not hasattr(sys.modules[cls.__module__], "ftfy"):
        message = f"{cls.__name__} needs a package that is not installed: pip install ftfy"
        raise InputError(message, key="model.pipeline")
    if (scheduler := config.scheduler) and scheduler.name:  # else it is known once one is loaded
        check_scheduler(getattr(diffusers, scheduler.name), scheduler.model_extra or ())
    for key in kinds.needed(cls.__name__, config):
        if getattr(config, key) is None:
            raise InputError(f"is missing; {cls.__name__} needs it", key=key)


def check_scheduler(cls: Any, settings: Iterable[str]) -> None:
    """See that a scheduler has all settings that are to be changed.

    Raises:
        InputError: naming the key.
    """
    valid = list(inspect.signature(cls.__init__).parameters)[1:]
    for key in settings:
        if key not in valid:
            message = f"{cls.__name__} has no such setting{did_you_mean(key, valid)}"
            raise InputError(message, key=f"scheduler.{key}")


def arguments(pipe: Any, batch: list[Job]) -> dict[str, Any]:
    """The keyword arguments of one call; what is None is left to the pipeline's defaults."""
    config, name = batch[0].config, type(pipe).__name__
    check(type(pipe), config)
    taken = parameters(type(pipe))
    generators = [torch.Generator("cpu").manual_seed(job.seed) for job in batch]
    found: dict[str, Any] = {"generator": generators if batch[1:] else generators[0]}
    if "class_labels" in taken:
        found["class_labels"] = [_class_number(pipe, job.config) for job in batch]
    else:
        prompts = [job.prompt for job in batch]
        found["prompt"] = prompts if batch[1:] else prompts[0]
    for key, names in NAMES.items():
        value = getattr(config, key)
        if value is None or not (argument := next((n for n in names if n in taken), None)):
            continue
        if key in inputs.KEYS:
            value = inputs.load(key, value)
        each = key == "negative_prompt" or (key in ("image", "video") and name in kinds.INPUT_EACH)
        found[argument] = [value] * len(batch) if each and batch[1:] else value
    if "frame_rate" in taken:
        found["frame_rate"] = config.frame_rate
    return found | config.arguments


def steps(pipe: Any, config: Config) -> int:
    """How many sampler steps a call takes."""
    taken = parameters(type(pipe))
    count = int(config.num_inference_steps or taken["num_inference_steps"].default)
    if "strength" not in taken:
        return count
    strength = config.strength or taken["strength"].default
    return min(int(count * strength), count)


def parameters(cls: type) -> Mapping[str, Parameter]:
    """The arguments of a pipeline class's call by name."""
    return inspect.signature(cls.__call__).parameters


def has_guider(cls: Any) -> bool:
    """Whether guidance is a component of the pipeline, not an argument of its call."""
    return "guider" in inspect.signature(cls.__init__).parameters


def _class_number(pipe: Any, config: Config) -> int:
    """The number of a class, which may be given by name."""
    key = "prompt" if config.class_labels is None else "class_labels"
    label = config.shows.strip()
    if not label.isdecimal() and label not in pipe.labels:
        raise InputError(f"unknown class '{label}'{did_you_mean(label, pipe.labels)}", key=key)
    number = int(label) if label.isdecimal() else int(pipe.labels[label])
    known = pipe.transformer.config
    count = known.get("num_classes") or known.get("num_embeds_ada_norm")
    if count and number >= count:
        raise InputError(f"the model knows classes 0 to {count - 1}, got {number}", key=key)
    return number
