"""From rows to jobs: one job is one clip, known by a hash of everything that settles it."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from pydantic import ValidationError

from w2sd_video.core.reflection import Reflection
from w2sd_video.pipelines.catalog import MODULES, cost
from w2sd_video.render.media import inputs
from w2sd_video.render.settings import kinds, models
from w2sd_video.render.settings.checks import own_problems
from w2sd_video.render.settings.config import OWN, Config, Model, Own
from w2sd_video.render.settings.layers import Layer, blame, merge
from w2sd_video.render.settings.resolve import resolve

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
    "output.formats",
    "model.allow_pickle",
}
SLUG_LENGTH = 60
PLAIN = ".plain"  # ends the name of a plain clip that stands beside a reflected one


class Settings:
    """What many jobs have in common: a configuration but for what rows say of their own clips.

    Attributes:
        config: without any of ``Own``, and of one sample.
        digest: of all in it that settles a clip, weights included.
        alone: why a call makes one clip only, if so.
        cost: denoiser samples of a clip, see ``evaluations``.
        notes: what a person should know of them.
    """

    def __init__(self, config: Config) -> None:
        nothing = {name: info.default for name, info in Own.model_fields.items()}
        self.config = config.model_copy(update=nothing | {"samples": 1})
        self.digest = _digest(self.config)
        name = kinds.pipeline_name(config.model)
        self.is_image = name in kinds.IMAGES
        self.alone = kinds.why_alone(name, config)
        self.cost = evaluations(config)
        self.notes = list(_notes(self.config, self.alone))

    @cached_property
    def plain(self) -> Settings:
        """The same without reflection."""
        if self.config.reflection is None:
            return self
        return Settings(self.config.model_copy(update={"reflection": None}))


@dataclass(frozen=True)
class Job:
    """One clip, or image, to render.

    ``own`` has one seed. ``pair`` is the identity of the plain clip from the same noise,
    whether or not that is rendered too.
    """

    id: str
    pair: str
    name: str
    own: Own
    settings: Settings = field(compare=False, repr=False)
    layers: tuple[Layer, ...] = field(compare=False, repr=False)  # what it was made of

    @property
    def config(self) -> Config:
        """All that settles it."""
        return self.settings.config.model_copy(update=dict(self.own))

    @property
    def source(self) -> str:
        """File and line of the job's row."""
        row = self.layers[-1]
        line = row.line(())
        return f"{row.file}:{line}" if line else row.file

    @property
    def kind(self) -> str:
        return "reflected" if self.settings.config.reflection else "plain"

    @property
    def prompt(self) -> str:
        """What it shows; for a class-conditional model the class."""
        return self.own.shows

    @property
    def is_image(self) -> bool:
        return self.settings.is_image

    @property
    def seed(self) -> int:
        return int(self.own.seed)

    @property
    def cost(self) -> int | None:
        return self.settings.cost


@dataclass(frozen=True)
class Plan:
    """The jobs of a run, in the order of the list, and what is to be said about them."""

    jobs: list[Job]
    notes: list[str]


def plan(
    base: list[Layer],
    rows: list[Layer],
    baseline: bool = False,
    swept: Sequence[Layer] = (Layer({}, "--sweep"),),
) -> Plan:
    """Turn rows into jobs.

    Args:
        base: the layers below every row, lowest first.
        rows: one layer a row, as ``read_prompts`` gives them.
        baseline: add to each reflected clip the plain one from the same noise.
        swept: each row is rendered with each of these, which lie between it and the base.

    Raises:
        InputError: for the first row that can't be rendered.
    """
    resolvers = [_Resolver([*base, layer] if layer.data else base) for layer in swept]
    jobs: dict[str, Job] = {}
    explicit: dict[str, Job] = {}
    repeated: list[str] = []
    notes: dict[str, None] = {}
    for row, resolver in itertools.product(rows, resolvers):
        settings, own, seeds = resolver.resolve(row)
        if not own.shows.strip():
            by_class = kinds.pipeline_name(settings.config.model) in kinds.CLASS_CONDITIONAL
            key = "class_labels" if by_class and own.prompt is None else "prompt"
            raise row.error("is missing" if own.prompt is None else "is empty", (key,))
        notes |= dict.fromkeys(settings.notes)
        for job in _jobs_of(settings, own, seeds, (*resolver.base, row), baseline):
            if own.name:
                first = explicit.setdefault(job.name.lower(), job)
                if first is not job:
                    taken = f"'{job.name}' is the name of {first.source} already"
                    raise row.error(taken, ("name",))
            if job.id not in jobs:
                jobs[job.id] = job
            elif job.name != jobs[job.id].name and own.name:
                first = jobs[job.id]
                same = f"'{job.name}' would repeat '{first.name}' of {first.source}"
                raise row.error(same, ("name",))
            elif job.kind == "reflected" or not settings.config.reflection:
                repeated.append(job.source)
    if repeated:
        clips = "clip is" if len(repeated) == 1 else f"{len(repeated)} clips are"
        notes[f"{clips} listed twice and rendered once, first at {repeated[0]}"] = None
    return Plan(_distinct(list(jobs.values())), list(notes))


class _Resolver:
    """Resolves rows; those that differ in nothing but ``Own`` share their settings."""

    def __init__(self, base: list[Layer]) -> None:
        self.base = base
        self._below: dict[str, Any] = {}
        for layer in base:
            self._below = merge(self._below, layer.data)
        self._own = {name: self._below[name] for name in OWN if name in self._below}
        self._known: dict[str, tuple[Settings, Config]] = {}

    def resolve(self, row: Layer) -> tuple[Settings, Own, list[int]]:
        """A row's settings, what is its own, and its seeds."""
        own = dict(self._own)
        rest: dict[str, Any] = {}
        for name, value in row.data.items():
            (own if name in OWN else rest)[name] = value
        key = f"{row.folder}\n{rest!r}"
        if key not in self._known:
            config = resolve([*self.base, row], merge(self._below, row.data))
            self._known[key] = Settings(config), config
        settings, like = self._known[key]
        try:
            checked = Own.model_validate(own)
        except ValidationError:
            resolve([*self.base, row], merge(self._below, row.data))  # says what is wrong
            raise
        for path, message in own_problems(like, checked):
            raise blame([*self.base, row], message, path)
        return settings, checked, checked.seeds(like.samples)


def _notes(config: Config, alone: str | None) -> Iterator[str]:
    """What a person should know of a configuration that is not wrong."""
    if alone and config.memory.batch_size > 1:
        yield f"{alone}, so memory.batch_size is taken as 1"
    if config.reflection and config.reflection.strong == config.reflection.weak:
        yield "the strong and the weak side are the same, so reflection changes next to nothing"


def _jobs_of(
    settings: Settings, own: Own, seeds: list[int], layers: tuple[Layer, ...], baseline: bool
) -> Iterator[Job]:
    """A row's jobs: each seed, and its plain twin right after it."""
    stem = own.name or slug(own.shows)
    for seed in seeds:
        name = stem if own.name and len(seeds) == 1 else f"{stem}-s{seed}"
        one = own.model_copy(update={"seed": seed})
        pair = identity(settings.plain, one)
        yield Job(identity(settings, one), pair, name, one, settings, layers)
        if baseline and settings.config.reflection:
            yield Job(pair, pair, name + PLAIN, one, settings.plain, layers)


def slug(prompt: str) -> str:
    """A prompt as a file name: lower-case ASCII words and hyphens, 60 characters at most."""
    ascii_only = unicodedata.normalize("NFKD", prompt).encode("ascii", "ignore").decode()
    words = re.findall(r"[a-z0-9]+", ascii_only.lower())
    text = ""
    for word in words:
        if len(text) + 1 + len(word) > SLUG_LENGTH:
            break
        text = f"{text}-{word}" if text else word
    return text or (words[0][:SLUG_LENGTH] if words else "clip")


def _distinct(jobs: list[Job]) -> list[Job]:
    """Where names made from prompts are equal, add to each a piece of its identity.

    So a job's name depends on nothing but the set of jobs, and given names stay.
    """
    uses = Counter(job.name.lower() for job in jobs)

    def named(job: Job) -> Job:
        if job.own.name or uses[job.name.lower()] == 1:
            return job
        stem = job.name.removesuffix(PLAIN)
        return replace(job, name=f"{stem}-{job.id[:8]}{job.name[len(stem) :]}")

    return [named(job) for job in jobs]


def canonical(value: Any) -> str:
    """JSON with one spelling for equal values."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def identity(settings: Settings, own: Own) -> str:
    """The sha256 of all that settles the file of one clip."""
    said = [settings.digest, int(own.seed), own.prompt, own.class_labels]
    return hashlib.sha256(canonical(said).encode()).hexdigest()


def _digest(config: Config) -> str:
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
    yield from ((lora.path, None) for lora in model.adapters.values())
    if model.ip_adapter:
        yield model.ip_adapter.path, None


def batches(jobs: list[Job]) -> list[list[Job]]:
    """Group jobs that can be denoised together, keeping the order of the list.

    Jobs of one model come together, so that each model is loaded once.
    """
    groups: dict[str, list[Job]] = {}
    first_use: dict[str, int] = {}
    keys: dict[int, tuple[str, int]] = {}  # by settings, which many jobs share
    order: dict[str, tuple[int, int]] = {}
    for position, job in enumerate(jobs):
        if id(job.settings) not in keys:
            config = job.settings.config
            use = first_use.setdefault(model_key(config.model), len(first_use))
            keys[id(job.settings)] = batch_key(config), use
        key, use = keys[id(job.settings)]
        groups.setdefault(key, []).append(job)
        order[job.id] = use, position
    chunks: list[list[Job]] = []
    for group in groups.values():
        settings = group[0].settings
        size = 1 if settings.alone else settings.config.memory.batch_size
        chunks += [group[i : i + size] for i in range(0, len(group), size)]
    return sorted(chunks, key=lambda chunk: order[chunk[0].id])


def batch_key(config: Config) -> str:
    """What has to be equal for two clips to be denoised together.

    The inputs, too: how several of them go into one call, pipelines disagree on.
    """
    return canonical(config.model_dump(mode="json", exclude={*OWN}))


def model_key(model: Model) -> str:
    """What has to be equal for two clips to share a loaded pipeline."""
    return canonical(model.model_dump(mode="json"))


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
