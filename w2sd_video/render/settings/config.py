"""The typed configuration of a clip. Keys have diffusers' own names.

Every field may be left out; None means that the pipeline's own default holds. Unknown
keys are refused by name. The YAML form is this module's classes, nested.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import from_json, to_json

from w2sd_video.core.reflection import Mode, Reflection, Side
from w2sd_video.render.errors import did_you_mean

MAX_SEEDS = 100_000  # of one prompt; more is a slip of the finger
SEED_LIMIT = 2**63
MAX_NAME = 220  # bytes of a clip's name, which a seed and suffixes may follow in a file's 255
FRAME_RATE = 8.0  # where ``fps`` is not given

DTYPES = ("float32", "float16", "bfloat16")

Size = Annotated[int, Field(gt=0, multiple_of=8)]
Scale = Annotated[float, Field(ge=0)]
Mebibytes = Annotated[int, Field(ge=1)]


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


def _label(value: Any) -> int | str:
    """A class by its number or name; digits are a number, however they are written."""
    if isinstance(value, bool) or not isinstance(value, int | str) or value == "":
        raise ValueError(f"must be the name or number of a class, got {value!r}")
    return int(value) if isinstance(value, str) and re.fullmatch("[0-9]{1,9}", value) else value


def _dtype(value: Any) -> str | dict[str, str]:
    """One dtype, or one for each component."""
    for component in value if isinstance(value, dict) else ():
        _text(component)
    for name in value.values() if isinstance(value, dict) else [value]:
        if name not in DTYPES:
            near = did_you_mean(str(name), DTYPES)
            raise ValueError(f"unknown dtype {name!r}{near} (one of {', '.join(DTYPES)})")
    return value


def _off(value: Any) -> Any:
    """YAML reads a bare off as false."""
    return "off" if value is False else value


def _text(value: str) -> str:
    """Text that can be written to any file, which JSON's escapes don't promise."""
    try:
        value.encode()
    except UnicodeEncodeError:
        pass  # half of a surrogate pair
    else:
        if "\0" not in value:
            return value
    raise ValueError(f"must be valid Unicode without NUL, got {value!r}")


def _plain(value: Any) -> Any:
    """What comes back from JSON as it was: ids and files are made of it."""
    try:
        same = from_json(to_json(value, inf_nan_mode="null")) == value
    except ValueError:
        same = False  # half of a surrogate pair, or nested without end
    if not same:
        raise ValueError(f"must be text, numbers, lists or mappings as in JSON, got {value!r}")
    return value


def _file_name(value: str) -> str:
    """A name that is a plain file name on every file system, and in a page's links."""
    plain = re.fullmatch(r"[\w-][\w .,'()-]*", value) and value[-1] not in ". "
    # Not every file system tells accents from letters with accents.
    if not (plain and unicodedata.is_normalized("NFC", value) and len(value.encode()) <= MAX_NAME):
        raise ValueError(
            f"{value!r} can't be a file name;"
            f" use at most {MAX_NAME} letters, digits, spaces and . , _ - ' ( )"
        )
    if re.fullmatch(r"(con|prn|aux|nul|(com|lpt)[\d¹²³]) *(\..*)?", value, re.IGNORECASE):
        raise ValueError(f"{value!r} is a reserved file name on Windows")
    return value


Text = Annotated[str, AfterValidator(_text)]
Plain = Annotated[Any, AfterValidator(_plain)]
Name = Annotated[str, AfterValidator(_file_name)]
# To weights: a path of the user's home is written out, as libraries that load them want it.
Reference = Annotated[Text, Field(min_length=1), AfterValidator(os.path.expanduser)]


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
    revision: Text | None = None
    weight_name: Text | None = None
    scale: float = 1.0


class IPAdapter(Section):
    """An IP-Adapter, with its image encoder in ``image_encoder`` beside it."""

    path: Reference
    revision: Text | None = None
    subfolder: Text = ""
    weight_name: Reference
    scale: Scale = 1.0


class Model(Section):
    """The pipeline to render with.

    ``dtype`` may differ by component, as in diffusers: ``{default: bfloat16, vae: float32}``.
    """

    id: Reference
    pipeline: Text | None = None
    revision: Text | None = None
    variant: Text | None = None
    dtype: Annotated[str | dict[str, str], BeforeValidator(_dtype)] | None = None
    compile: bool = False
    channels_last: bool = False
    allow_pickle: bool = False
    denoiser: ModelRef | None = None
    motion_adapter: ModelRef | None = None
    controlnet: ModelRef | None = None
    ip_adapter: IPAdapter | None = None
    adapters: dict[Text, Adapter] = Field(default_factory=dict)


class Scheduler(BaseModel):
    """A diffusers scheduler by class name, and any argument of it to override."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)
    __pydantic_extra__: dict[str, Plain] = Field(init=False)

    name: Text | None = None


class SideConfig(Section):
    """What the strong or the weak side changes; None means as the call has it."""

    denoiser: ModelRef | None = None
    guidance_scale: Scale | None = None
    adapters: dict[Text, float] | None = None
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
    """How much is done at once, and what makes room for it. Sizes are in MiB.

    ``limit`` is what may be used of the device; None is what is free.
    """

    batch_size: Annotated[int, Field(ge=1, le=1024)] = 1
    offload: Literal["auto", "none", "model", "block"] = "auto"
    attention: Annotated[Literal["auto", "off"] | Mebibytes, BeforeValidator(_off)] = "auto"
    limit: Mebibytes | None = None
    vae_tiling: bool = False
    vae_slicing: bool = False


class Output(Section):
    """The files of a clip; the MP4 is always among them. An image is a PNG and no more."""

    formats: Annotated[list[Literal["mp4", "gif", "webp", "png"]], Field(min_length=1)] = ["mp4"]
    crf: Annotated[int, Field(ge=0, le=51)] = 12


class Own(Section):
    """What most rows of a list differ in: what a clip shows, its name and its seeds."""

    prompt: Text | None = None
    class_labels: Annotated[int | Text, BeforeValidator(_label)] | None = None
    name: Name | None = None
    seed: Annotated[int | str, BeforeValidator(_seed)] = 0

    @property
    def shows(self) -> str:
        """What it is of, in words: the prompt, or the class."""
        given = self.class_labels if self.prompt is None else self.prompt
        return "" if given is None else str(given)

    def seeds(self, samples: int) -> list[int]:
        """The seeds listed, or so many counting up from the one given."""
        listed = parse_seeds(self.seed)
        return listed if len(listed) > 1 else [listed[0] + i for i in range(samples)]


OWN = tuple(Own.model_fields)


class Config(Own):
    """Everything that settles a clip or an image, and the seeds to render it with."""

    negative_prompt: Text | None = None
    samples: Annotated[int, Field(ge=1, le=MAX_SEEDS)] = 1
    model: Model
    scheduler: Scheduler | None = None
    height: Size | None = None
    width: Size | None = None
    num_frames: Annotated[int, Field(ge=1)] | None = None
    num_inference_steps: Annotated[int, Field(ge=1, le=10_000)] | None = None
    guidance_scale: Scale | None = None
    fps: Annotated[float, Field(gt=0, le=240)] | None = None
    image: Reference | None = None
    last_image: Reference | None = None
    video: Reference | None = None
    conditioning_frames: Reference | None = None
    ip_adapter_image: Reference | None = None
    strength: Annotated[float, Field(gt=0, le=1)] | None = None
    controlnet_conditioning_scale: Scale | None = None
    arguments: dict[Text, Plain] = Field(default_factory=dict)
    reflection: ReflectionConfig | None = None
    retries: Annotated[int, Field(ge=0, le=100)] = 0
    memory: Memory = Memory()
    output: Output = Output()

    @property
    def frame_rate(self) -> float:
        """Frames a second."""
        return FRAME_RATE if self.fps is None else self.fps
