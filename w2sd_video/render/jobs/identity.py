"""What two clips have to have in common to be one, or to share a call or a loaded model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from w2sd_video.render.media import inputs
from w2sd_video.render.settings import models
from w2sd_video.render.settings.config import OWN, Config, Model, Own

# Not part of a job's identity: how many are rendered together and how often, how that is made
# to fit, and which previews are made. A sample is nothing but its seed. Prompt and seed are
# hashed apart.
OUTSIDE_IDENTITY = {
    *OWN,
    "samples",
    "retries",
    "memory.batch_size",
    "memory.offload",
    "memory.attention",
    "memory.limit",
    "memory.vae_slicing",
    "output.formats",
    "model.allow_pickle",
}


def canonical(value: Any) -> str:
    """JSON with one spelling for equal values."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def identity(digest: str, own: Own) -> str:
    """The sha256 of all that settles the file of one clip.

    Args:
        digest: of what it has in common with others.
    """
    said = [digest, int(own.seed), own.prompt, own.class_labels]
    return hashlib.sha256(canonical(said).encode()).hexdigest()


def digest(config: Config) -> str:
    """The sha256 of what jobs have in common, as far as it settles a clip."""
    settings = config.model_dump(mode="json")
    for dotted in OUTSIDE_IDENTITY:
        *parents, last = dotted.split(".")
        node = settings
        for key in parents:
            node = node[key]
        node.pop(last)
    for key in inputs.KEYS:  # known by their content, wherever they lie
        settings[key] = settings[key] and inputs.fingerprint(settings[key])
    weights = [models.fingerprint(*reference) for reference in references(config)]
    return hashlib.sha256(canonical([settings, weights]).encode()).hexdigest()


def references(config: Config) -> Iterator[tuple[str, str | None]]:
    """Every place that a clip's weights come from: an id or folder, and a revision."""
    model = config.model
    yield model.id, model.revision
    refs = [model.motion_adapter, model.controlnet, model.denoiser]
    if config.reflection:
        refs += [config.reflection.strong.denoiser, config.reflection.weak.denoiser]
    yield from ((ref.id, ref.revision) for ref in refs if ref)
    yield from ((lora.path, lora.revision) for lora in model.adapters.values())
    if model.ip_adapter:
        yield model.ip_adapter.path, model.ip_adapter.revision


def batch_key(config: Config) -> str:
    """What has to be equal for two clips to be denoised together.

    The inputs, too: how several of them go into one call, pipelines disagree on.
    """
    return canonical(config.model_dump(mode="json", exclude={*OWN}))


def model_key(model: Model) -> str:
    """What has to be equal for two clips to share a loaded pipeline."""
    return canonical(model.model_dump(mode="json"))
