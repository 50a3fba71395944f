"""The presets as a table: what each compares, how large, how often, and at what cost."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from rich.table import Table

from w2sd_video import configs
from w2sd_video.core.reflection import Side
from w2sd_video.render.settings.config import Config, SideConfig
from w2sd_video.render.settings.cost import evaluations
from w2sd_video.render.settings.resolve import read_config, resolve

TITLES = ("name", "strong / weak", "size", "steps", "mode, steps that reflect", "evaluations")
LABELS = {
    "guidance_scale": "guidance",
    "controlnet_scale": "ControlNet",
    "ip_adapter_scale": "IP-Adapter",
    "negative_prompt": "negative prompt",
}


def table() -> Table:
    """One row a preset; the last column has the plain and the reflected clip's evaluations."""
    found = Table(box=None, pad_edge=False, header_style="bold", highlight=False)
    for title in TITLES:
        # Too narrow a screen folds what differs, but not letter by letter; the rest is short.
        folds = title == "strong / weak"
        found.add_column(title, no_wrap=not folds, overflow="fold", min_width=24 if folds else None)
    for name in configs.names():
        found.add_row(name, *_columns(resolve([read_config(name)])))
    return found


def _columns(config: Config) -> tuple[str, ...]:
    size = f"{config.width} x {config.height}" if config.width else "its own"
    if config.num_frames:
        size += f" x {config.num_frames}"
    reflection = config.reflection
    plain = evaluations(config.model_copy(update={"reflection": None}))
    steps = str(config.num_inference_steps)
    if reflection is None:
        return "", size, steps, "plain", _text(plain)
    return (
        differences(config),
        size,
        steps,
        f"{reflection.mode} {reflection.steps}",
        f"{_text(plain)} / {_text(evaluations(config))}",
    )


def differences(config: Config) -> str:
    """What the strong and the weak side differ in, in a few words."""
    if config.reflection is None:
        return ""
    sides = config.reflection.strong, config.reflection.weak
    said = []
    for key in (field.name for field in fields(Side)):
        values = [getattr(side, key) for side in sides]
        if values[0] == values[1]:
            continue
        if key == "adapters":
            said += _adapters(config, *sides)
            continue
        strong, weak = (_value(config, key, value) for value in values)
        label = LABELS.get(key, "" if key == "denoiser" else key)
        said.append(f"{label} {strong} / {weak}".strip())
    return ", ".join(said) or "given by each row"


def _adapters(config: Config, strong: SideConfig, weak: SideConfig) -> list[str]:
    own = {name: lora.scale for name, lora in config.model.adapters.items()}
    high, low = ({**own, **(side.adapters or {})} for side in (strong, weak))
    return [f"LoRA {n} {high[n]:g} / {low[n]:g}" for n in high if high[n] != low.get(n)]


def _value(config: Config, key: str, value: Any) -> str:
    """A side's value, or what the call has in its place."""
    if value is None:
        of_call = {
            "guidance_scale": config.guidance_scale,
            "controlnet_scale": _or(config.controlnet_conditioning_scale, 1.0),
            "ip_adapter_scale": config.model.ip_adapter and config.model.ip_adapter.scale,
            "denoiser": config.model.denoiser or config.model,
        }
        value = of_call.get(key)
    if value is None:
        return "its own"
    if isinstance(value, float):
        return f"{value:g}"
    return str(getattr(value, "id", value)).rsplit("/", 1)[-1]


def _or(value: float | None, default: float) -> float:
    return default if value is None else value


def _text(cost: int | None) -> str:
    return "?" if cost is None else str(cost)
