"""What single fields can't tell: keys that contradict each other, the model, or the disk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from w2sd_video import shapes
from w2sd_video.pipelines.catalog import MODULES
from w2sd_video.render.errors import did_you_mean
from w2sd_video.render.media import inputs
from w2sd_video.render.settings import kinds, models
from w2sd_video.render.settings.config import SEED_LIMIT, Config, Own, parse_seeds
from w2sd_video.render.settings.layers import KeyPath

Problem = tuple[KeyPath, str]


def problems(config: Config) -> Iterator[Problem]:
    """Everything wrong with a configuration that can be told without loading a model."""
    if config.scheduler and config.scheduler.name:
        name, known = config.scheduler.name, models.schedulers()
        if known and name not in known:
            yield ("scheduler", "name"), f"unknown scheduler '{name}'{did_you_mean(name, known)}"
    if (name := config.model.pipeline or "") and name not in MODULES:
        near = did_you_mean(name, MODULES)
        yield ("model", "pipeline"), f"'{name}' is no pipeline that can reflect{near}"
    yield from _weights(config)
    yield from _embedded(config)
    yield from _kind(config)
    yield from own_problems(config, config)
    for key in inputs.KEYS:
        path = getattr(config, key)
        if path and (message := inputs.problem(key, path)):
            yield (key,), message
    limits = models.limits(config.model.id)
    for key in ("height", "width", "num_frames") if limits else ():
        value, allowed = getattr(config, key), getattr(limits, key)
        if value is not None and allowed is not None and value not in allowed:
            can = str(allowed[0]) if len(allowed) == 1 else f"{allowed[0]} to {allowed[-1]}"
            yield (key,), f"the model '{config.model.id}' can do {can}, got {value}"


def _embedded(config: Config) -> Iterator[Problem]:
    """What the models that ship with the package have no use for."""
    model = config.model
    if model.id not in shapes.MODELS:
        return
    for key in ("revision", "variant", "motion_adapter", "controlnet"):
        if getattr(model, key) is not None:
            yield ("model", key), f"means nothing to '{model.id}', which is whole as it is"
    own = shapes.PIPELINES[shapes.MODELS[model.id][0]]
    if model.pipeline not in (None, own):
        yield ("model", "pipeline"), f"'{model.id}' is of {own}, not of {model.pipeline}"


def own_problems(config: Config, own: Own) -> Iterator[Problem]:
    """What is wrong with the keys of a row's own, beside the rest of its configuration."""
    if config.samples > 1:
        first, *others = parse_seeds(own.seed)
        last = first + config.samples - 1
        if others:
            yield (
                ("samples",),
                f"counts up from one seed, but 'seed' already lists several ({own.seed})",
            )
        elif last >= SEED_LIMIT:
            yield ("seed",), f"counts up to {last} with 'samples', and seeds must be below 2**63"
    name, label = kinds.pipeline_name(config.model), own.class_labels
    if name in MODULES and name not in kinds.CLASS_CONDITIONAL and label is not None:
        yield ("class_labels",), f"means nothing to {name}, which takes a prompt"
    if name not in kinds.CLASS_CONDITIONAL:
        return
    if label is not None and own.prompt is not None:
        yield ("prompt",), f"means nothing to {name}, which takes class_labels"
    known = models.labels(config.model.id, config.model.revision)
    for key in ("class_labels", "prompt"):
        value = getattr(own, key)
        if known and isinstance(value, str) and not value.isdecimal() and value not in known:
            yield (key,), f"unknown class '{value}'{did_you_mean(value, known)}"


class _Weights(NamedTuple):
    """A place that a configuration takes weights from."""

    key: KeyPath
    reference: str
    subfolder: str | None = None
    file: str | None = None
    parts: tuple[str, ...] | None = None


def _weights(config: Config) -> Iterator[Problem]:
    for name, lora in config.model.adapters.items():
        # Else diffusers would look for one among the newest files, whatever the revision.
        if not lora.weight_name and models.on_hub(lora.path):
            yield (
                ("model", "adapters", name),
                f"'{lora.path}' is a hub repository; name the LoRA's file in it, for example "
                f"weight_name: pytorch_lora_weights.safetensors",
            )
    for place in _references(config):
        if message := models.problem(place.reference):
            yield place.key, message
        if config.model.allow_pickle:
            continue
        named = place.file if (place.file or "").endswith(models.PICKLES) else None
        if found := named or models.pickled(place.reference, place.subfolder, place.parts):
            yield place.key, refusal(f"'{place.reference}'", found)


def refusal(what: str, file: str) -> str:
    """Why pickled weights are not loaded, and what to say if they shall be."""
    return (
        f"{what} has pickled weights ({file}), which can run code when they are loaded; "
        f"if you trust them, set model.allow_pickle: true"
    )


def _references(config: Config) -> Iterator[_Weights]:
    model = config.model
    yield _Weights(("model", "id"), model.id)
    for key in ("motion_adapter", "controlnet"):
        if ref := getattr(model, key):
            yield _Weights(("model", key, "id"), ref.id, ref.subfolder)
    if model.denoiser:
        ref = model.denoiser
        yield _Weights(("model", "denoiser", "id"), ref.id, ref.subfolder, parts=models.DENOISERS)
    if ip := model.ip_adapter:
        yield _Weights(("model", "ip_adapter", "path"), ip.path, ip.subfolder, ip.weight_name)
    for name, lora in model.adapters.items():
        yield _Weights(("model", "adapters", name, "path"), lora.path, file=lora.weight_name)
    for side in ("strong", "weak") if config.reflection else ():
        if ref := getattr(config.reflection, side).denoiser:
            at = ("reflection", side, "denoiser", "id")
            yield _Weights(at, ref.id, ref.subfolder, parts=models.DENOISERS)


def _kind(config: Config) -> Iterator[Problem]:
    """What the pipeline's name alone tells."""
    name = kinds.pipeline_name(config.model)
    if name in kinds.IMAGES:
        for key in ("num_frames", "fps"):
            if getattr(config, key) is not None:
                yield (key,), f"means nothing to {name}, which makes images"
    scale = config.arguments.get("true_cfg_scale", 1.0)  # which the cost of a clip depends on
    if isinstance(scale, bool) or not isinstance(scale, int | float):
        yield ("arguments", "true_cfg_scale"), f"must be a number, got {scale!r}"
    length = config.arguments.get("max_sequence_length", 1)  # which cut prompts are told by
    if isinstance(length, bool) or not isinstance(length, int) or length < 1:
        message = f"must be a whole number above 0, got {length!r}"
        yield ("arguments", "max_sequence_length"), message
