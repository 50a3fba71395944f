"""Layers to one typed configuration, or the line that is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from w2sd_video.render.errors import InputError, did_you_mean
from w2sd_video.render.media import inputs
from w2sd_video.render.settings.checks import problems
from w2sd_video.render.settings.complaints import explain
from w2sd_video.render.settings.config import Config
from w2sd_video.render.settings.layers import (
    Layer,
    blame,
    guilty,
    merge,
    nested,
    read_text,
    read_yaml,
)


def resolve(layers: list[Layer], merged: dict[str, Any] | None = None) -> Config:
    """Lay the layers over one another and check the result.

    Args:
        layers: the first is the lowest.
        merged: what ``merge`` made of them, if that is known already.

    Raises:
        InputError: naming file, line and key of the first thing wrong.
    """
    if merged is None:
        merged = {}
        for layer in layers:
            merged = merge(merged, layer.data)
    try:
        config = Config.model_validate(merged)
    except ValidationError as error:
        # An unknown key first: a misspelt one is also why another is missing.
        first = min(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
        loc = first["loc"]
        if loc[-1:] == ("[key]",):  # is wrong itself, so that its mapping is named
            loc = loc[:-2]
        path = tuple(part for part in loc if isinstance(part, str))  # no list indices
        raise blame(layers, explain(first), path) from None
    given = [key for key in inputs.KEYS if getattr(config, key)]
    if given:
        config = config.model_copy(update={k: _placed(layers, config, k) for k in given})
    for path, message in problems(config):
        raise blame(layers, message, path)
    return config


def _placed(layers: list[Layer], config: Config, key: str) -> str:
    """An input's full path: it is written relative to the file that names it."""
    folder = guilty(layers, (key,)).folder
    return str((folder / Path(getattr(config, key)).expanduser()).absolute())


def read_config(source: str) -> Layer:
    """Read a preset by its name, or a YAML file.

    Raises:
        InputError: if there is no such preset or file, or it is no mapping of keys.
    """
    from w2sd_video import configs

    is_file = Path(source).suffix in (".yaml", ".yml") or Path(source).parts[1:]
    if is_file or Path(source).is_file():
        text = read_text(Path(source), source, "config file")
        return read_layer(text, source, Path(source).parent)
    if source in configs.names():
        return read_layer(configs.read(source), f"preset {source}")
    near = did_you_mean(source, configs.names()) or "; see: w2sd-video configs ls"
    raise InputError(f"unknown preset '{source}'{near}", "--config")


def read_layer(text: str, file: str, folder: Path = Path()) -> Layer:
    """A YAML document as a layer."""
    data, lines = read_yaml(text, file)
    if not isinstance(data, dict):
        raise InputError("is empty" if data is None else "must be a mapping of keys", file)
    return Layer(nested(data, file), file, lines, folder)
