"""The typed configuration of a clip. Keys have diffusers' own names.

Every field may be left out; None means that the pipeline's own default holds. Unknown
keys are refused by name. The YAML form is this module's classes, nested.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from w2sd_video.core.reflection import Mode, Reflection, Side
from w2sd_video.render import models
from w2sd_video.render.errors import InputError, did_you_mean
from w2sd_video.render.layers import KeyPath, Layer, blame, merge, nested, read_text, read_yaml

MAX_SEEDS = 100_000  # of one prompt; more is a slip of the finger
SEED_LIMIT = 2**63

Size = Annotated[int, Field(gt=0, multiple_of=8)]
Scale = Annotated[float, Field(ge=0)]


def parse_seeds(spec: int | str) -> list[int]:
    """``7``, ``"0-4"`` or ``"0-4,9"`` as a list of different seeds.

    Raises:
        ValueError: if it is none of these, or longer than ``MAX_SEEDS``.
    """
    seeds: dict[int, None] = {}
    for part in str(spec).split(","):
        match = re.fullmatch(r"\s*([0-9]{1,19})\s*(?:-\s*([0-9]{1,19})\s*)?", part)
        if not match:
            raise ValueError(f"must be a seed or a range such as 0-4,9, got {str(spec)!r}")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise ValueError(f"the range {part.strip()} runs backwards")
        if last >= SEED_LIMIT:
            raise ValueError(f"seeds must be below 2**63, got {last}")
        if last - first >= MAX_SEEDS or len(seeds) > MAX_SEEDS:
            raise ValueError(f"more than {MAX_SEEDS} seeds")
        seeds.update(dict.fromkeys(range(first, last + 1)))
    return list(seeds)


def _seed(value: Any) -> int | str:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f"must be a seed or a range such as 0-4,9, got {value!r}")
    parse_seeds(value)
    return value


def _steps(value: Any) -> int | float:
    """An int counts steps, a float is a fraction of them; the two must not be mixed up."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"must be a number of steps or a fraction of them, got {value!r}")
    if value < 0 or (isinstance(value, float) and not value <= 1):
        raise ValueError(f"must be a fraction from 0.0 to 1.0 or a whole number, got {value!r}")
    return value


def _text(value: str) -> str:
    """Text that can be written to any file, which JSON's escapes don't promise."""
    if "\0" in value or any("\ud800" <= c <= "\udfff" for c in value):
        raise ValueError(f"must be valid Unicode without NUL, got {value!r}")
    return value


def _file_name(value: str) -> str:
    """A name that is a plain file name on every file system."""
    if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}", value) or value.endswith("."):
        raise ValueError(
            f"{value!r} can't be a file name; use at most 100 letters, digits and . _ -"
        )
    if re.fullmatch(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", value, re.IGNORECASE):
        raise ValueError(f"{value!r} is a reserved file name on Windows")
    return value


Text = Annotated[str, AfterValidator(_text)]
Name = Annotated[str, AfterValidator(_file_name)]
Reference = Annotated[Text, Field(min_length=1)]


class Section(BaseModel):
    """Common to all sections: strict types, no unknown keys, no change once built."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class ModelRef(Section):
    """Weights: the id of a hub repository, a folder, or a model that ships with the package."""

    id: Reference
    subfolder: Text | None = None
    revision: Text | None = None
    variant: Text | None = None


class Adapter(Section):
    """A LoRA to load: a folder or hub id, its file, and the scale it is used at."""

    path: Reference
    weight_name: Text | None = None
    scale: float = 1.0


class Model(Section):
    """The pipeline to render with."""

    id: Reference
    revision: Text | None = None
    variant: Text | None = None
    dtype: Literal["float32", "float16", "bfloat16"] | None = None
    motion_adapter: ModelRef | None = None
    adapters: dict[str, Adapter] = Field(default_factory=dict)


class Scheduler(BaseModel):
    """A diffusers scheduler by class name, and any argument of it to override."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)

    name: Text | None = None


class SideConfig(Section):
    """What the strong or the weak side changes; None means as the call has it."""

    denoiser: ModelRef | None = None
    guidance_scale: Scale | None = None
    adapters: dict[str, float] | None = None
    prompt: Text | None = None
    negative_prompt: Text | None = None
    controlnet_scale: Scale | None = None
    ip_adapter_scale: Scale | None = None
    experts: Literal["best", "worst"] | None = None

    def build(self, load: Callable[[ModelRef], Any]) -> Side:
        """The side itself; ``load`` turns a reference into a denoiser."""
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        return Side(**fields | {"denoiser": self.denoiser and load(self.denoiser)})


class ReflectionConfig(Section):
    """The reflection: which steps, which mode, and the two sides."""

    strong: SideConfig = SideConfig()
    weak: SideConfig = SideConfig()
    steps: Annotated[int | float, BeforeValidator(_steps)] = 1.0
    mode: Mode = "exact"
    gap: float = 1.0

    def build(self, load: Callable[[ModelRef], Any]) -> Reflection:
        """The reflection itself; ``load`` turns a reference into a denoiser."""
        sides = self.strong.build(load), self.weak.build(load)
        return Reflection(*sides, steps=self.steps, mode=self.mode, gap=self.gap)


class Memory(Section):
    """How much is done at once."""

    batch_size: Annotated[int, Field(ge=1, le=1024)] = 1


class Output(Section):
    """The files of a clip; the MP4 is always among them."""

    formats: Annotated[list[Literal["mp4", "gif", "webp", "png"]], Field(min_length=1)] = ["mp4"]
    crf: Annotated[int, Field(ge=0, le=51)] = 12


class Config(Section):
    """Everything that settles a clip, and the seeds to render it with."""

    prompt: Text | None = None
    negative_prompt: Text | None = None
    name: Name | None = None
    seed: Annotated[int | str, BeforeValidator(_seed)] = 0
    samples: Annotated[int, Field(ge=1, le=MAX_SEEDS)] = 1
    model: Model
    scheduler: Scheduler | None = None
    height: Size | None = None
    width: Size | None = None
    num_frames: Annotated[int, Field(ge=1)] | None = None
    num_inference_steps: Annotated[int, Field(ge=1, le=10_000)] | None = None
    guidance_scale: Scale | None = None
    fps: Annotated[float, Field(gt=0, le=240)] = 8.0
    reflection: ReflectionConfig | None = None
    memory: Memory = Memory()
    output: Output = Output()

    def seeds(self) -> list[int]:
        """The seeds listed, or ``samples`` seeds counting up from the one given."""
        listed = parse_seeds(self.seed)
        return listed if len(listed) > 1 else [listed[0] + i for i in range(self.samples)]


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
        path = tuple(part for part in first["loc"] if isinstance(part, str))  # no list indices
        raise blame(layers, _explain(first), path) from None
    for path, message in _problems(config):
        raise blame(layers, message, path)
    return config


def _problems(config: Config) -> Iterator[tuple[KeyPath, str]]:
    """What single fields can't tell: keys that contradict each other or the model."""
    if config.samples > 1 and len(parse_seeds(config.seed)) > 1:
        yield (
            ("samples",),
            f"counts up from one seed, but 'seed' already lists several ({config.seed})",
        )
    if config.scheduler and config.scheduler.name:
        name, known = config.scheduler.name, models.schedulers()
        if known and name not in known:
            yield ("scheduler", "name"), f"unknown scheduler '{name}'{did_you_mean(name, known)}"
    references: dict[KeyPath, str | None] = {("model", "id"): config.model.id}
    if config.model.motion_adapter:
        references["model", "motion_adapter", "id"] = config.model.motion_adapter.id
    for name, adapter in config.model.adapters.items():
        references["model", "adapters", name, "path"] = adapter.path
    if config.reflection:
        for side in ("strong", "weak"):
            denoiser = getattr(config.reflection, side).denoiser
            references["reflection", side, "denoiser", "id"] = denoiser and denoiser.id
    for path, reference in references.items():
        if reference and (message := models.problem(reference)):
            yield path, message
    limits = models.LIMITS.get(config.model.id)
    for key in ("height", "width", "num_frames") if limits else ():
        value, allowed = getattr(config, key), getattr(limits, key)
        if value is not None and value not in allowed:
            can = str(allowed[0]) if len(allowed) == 1 else f"{allowed[0]} to {allowed[-1]}"
            yield (key,), f"the model '{config.model.id}' can do {can}, got {value}"


def _explain(error: Any) -> str:
    """One of pydantic's errors in this program's words."""
    kind, value, loc = error["type"], error["input"], error["loc"]
    if kind == "extra_forbidden":
        return f"unknown key{_nearest_key(loc)}"
    if kind == "missing":
        return "is missing"
    if kind == "literal_error":
        valid = re.findall(r"'([^']*)'", error["ctx"]["expected"])
        near = did_you_mean(str(value), valid)
        what = loc[-1] if isinstance(loc[-1], str) else "value"
        return f"unknown {what} {value!r}{near} (one of {', '.join(valid)})"
    message = str(error["msg"])
    if kind == "value_error":
        return message.removeprefix("Value error, ")
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        message = "must be a mapping of keys"
    message = message.replace("Input should be", "must be").replace("should have", "must have")
    message = message.replace("a valid ", "a ").replace("an integer", "a whole number")
    message = message.replace("a integer", "a whole number").replace("a string", "text")
    return f"{message}, got {value!r}"


def _parts(annotation: Any) -> list[Any]:
    """A union's members but None; anything else by itself."""
    members = [a for a in get_args(annotation) if a is not type(None)]
    if getattr(annotation, "__origin__", None) is dict or not members:
        return [annotation]
    return members


def keys(section: Any = Config, path: KeyPath = ()) -> Iterator[KeyPath]:
    """The path of every key there is, outer ones first."""
    inner = []
    for name, info in section.model_fields.items():
        yield (*path, name)
        for part in _parts(info.annotation):
            if isinstance(part, type) and issubclass(part, BaseModel):
                inner.append((part, (*path, name)))
    for part, here in inner:
        yield from keys(part, here)


def _nearest_key(path: KeyPath) -> str:
    """Look among the siblings first, then for a key of that name anywhere."""
    everywhere = list(keys())
    siblings = {p[-1]: ".".join(p) for p in everywhere if p[:-1] == path[:-1]}
    anywhere = {p[-1]: ".".join(p) for p in reversed(everywhere)}
    for names in (siblings, anywhere):
        if near := did_you_mean(path[-1], names):
            name = near.split("'")[1]
            return near.replace(name, names[name])
    return ""


def read_config(source: str) -> Layer:
    """Read a preset by its name, or a YAML file.

    Raises:
        InputError: if there is no such preset or file, or it is no mapping of keys.
    """
    from w2sd_video import configs

    is_file = Path(source).suffix in (".yaml", ".yml") or Path(source).parts[1:]
    if is_file or Path(source).is_file():
        text, file = read_text(Path(source), source, "config file"), source
    elif source in configs.names():
        text, file = configs.read(source), f"preset {source}"
    else:
        near = did_you_mean(source, configs.names())
        listed = ", ".join(configs.names())
        raise InputError(f"unknown preset '{source}'{near} (there are: {listed})", "--config")
    return read_layer(text, file)


def read_layer(text: str, file: str) -> Layer:
    """A YAML document as a layer."""
    data, lines = read_yaml(text, file)
    if not isinstance(data, dict):
        raise InputError("is empty" if data is None else "must be a mapping of keys", file)
    return Layer(nested(data, file), file, lines)
