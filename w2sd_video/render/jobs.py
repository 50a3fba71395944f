"""From rows to jobs: one job is one clip, known by a hash of everything that settles it."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from w2sd_video.core.reflection import Reflection
from w2sd_video.pipelines.catalog import MODULES, cost
from w2sd_video.render import inputs, kinds, models
from w2sd_video.render.config import Config, Model
from w2sd_video.render.layers import Layer, merge
from w2sd_video.render.resolve import resolve

# Not part of a job's identity: the name, how many are rendered together, how that is made to
# fit, and which previews are made. A sample is nothing but its seed, so the seed stands for both.
OUTSIDE_IDENTITY = {
    "name",
    "seed",
    "samples",
    "memory.batch_size",
    "memory.offload",
    "memory.attention",
    "memory.limit",
    "output.formats",
    "model.allow_pickle",
}
SLUG_LENGTH = 60
PLAIN = ".plain"  # ends the name of a plain clip that stands beside a reflected one


@dataclass(frozen=True)
class Job:
    """One clip, or image, to render.

    ``config`` is resolved: one prompt, one seed, one sample. ``pair`` is the identity of
    the plain clip from the same noise, whether or not that is rendered too.
    """

    id: str
    pair: str
    name: str
    config: Config
    layers: tuple[Layer, ...] = field(compare=False, repr=False)  # what it was made of

    @property
    def source(self) -> str:
        """File and line of the job's row."""
        row = self.layers[-1]
        line = row.line(())
        return f"{row.file}:{line}" if line else row.file

    @property
    def kind(self) -> str:
        return "reflected" if self.config.reflection else "plain"

    @property
    def prompt(self) -> str:
        """What it shows; for a class-conditional model the class."""
        return self.config.shows

    @property
    def is_image(self) -> bool:
        return kinds.pipeline_name(self.config.model) in kinds.IMAGES

    @property
    def seed(self) -> int:
        return int(self.config.seed)

    @property
    def cost(self) -> int | None:
        return evaluations(self.config)


@dataclass(frozen=True)
class Plan:
    """The jobs of a run, in the order of the list, and what is to be said about them."""

    jobs: list[Job]
    notes: list[str]


def plan(base: list[Layer], rows: list[Layer], baseline: bool = False) -> Plan:
    """Turn rows into jobs.

    Args:
        base: the layers below every row, lowest first.
        rows: one layer a row, as ``read_prompts`` gives them.
        baseline: add to each reflected clip the plain one from the same noise.

    Raises:
        InputError: for the first row that can't be rendered.
    """
    below: dict[str, Any] = {}
    for layer in base:
        below = merge(below, layer.data)
    jobs: dict[str, Job] = {}
    explicit: dict[str, Job] = {}
    repeated: list[str] = []
    notes: dict[str, None] = {}
    for row in rows:
        layers = [*base, row]
        config = resolve(layers, merge(below, row.data))
        if not config.shows.strip():
            by_class = kinds.pipeline_name(config.model) in kinds.CLASS_CONDITIONAL
            key = "class_labels" if by_class and config.prompt is None else "prompt"
            raise row.error("is missing" if config.prompt is None else "is empty", (key,))
        notes |= dict.fromkeys(_notes(config))
        for job in _jobs_of(config, tuple(layers), baseline):
            if config.name:
                first = explicit.setdefault(job.name.lower(), job)
                if first is not job:
                    taken = f"'{job.name}' is the name of {first.source} already"
                    raise row.error(taken, ("name",))
            if job.id not in jobs:
                jobs[job.id] = job
            elif job.name != jobs[job.id].name and config.name:
                first = jobs[job.id]
                same = f"'{job.name}' would repeat '{first.name}' of {first.source}"
                raise row.error(same, ("name",))
            elif job.kind == "reflected" or not config.reflection:
                repeated.append(job.source)
    if repeated:
        clips = "clip is" if len(repeated) == 1 else f"{len(repeated)} clips are"
        notes[f"{clips} listed twice and rendered once, first at {repeated[0]}"] = None
    return Plan(_distinct(list(jobs.values())), list(notes))


def _notes(config: Config) -> Iterator[str]:
    """What a person should know of a configuration that is not wrong."""
    why = kinds.why_alone(kinds.pipeline_name(config.model), config)
    if why and config.memory.batch_size > 1:
        yield f"{why}, so memory.batch_size is taken as 1"
    if config.reflection and config.reflection.strong == config.reflection.weak:
        yield "the strong and the weak side are the same, so reflection changes next to nothing"


def _jobs_of(config: Config, layers: tuple[Layer, ...], baseline: bool) -> Iterator[Job]:
    """A row's jobs: each seed, and its plain twin right after it."""
    seeds = config.seeds()
    stem = config.name or slug(config.shows)
    for seed in seeds:
        name = stem if config.name and len(seeds) == 1 else f"{stem}-s{seed}"
        clip = config.model_copy(update={"seed": seed, "samples": 1})
        plain = clip.model_copy(update={"reflection": None})
        pair = identity(plain)
        yield Job(identity(clip), pair, name, clip, layers)
        if baseline and config.reflection:
            yield Job(pair, pair, name + PLAIN, plain, layers)


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
        if job.config.name or uses[job.name.lower()] == 1:
            return job
        stem = job.name.removesuffix(PLAIN)
        return replace(job, name=f"{stem}-{job.id[:8]}{job.name[len(stem) :]}")

    return [named(job) for job in jobs]


def canonical(value: Any) -> str:
    """JSON with one spelling for equal values."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def identity(config: Config) -> str:
    """The sha256 of all that settles the file of one clip, weights included."""
    settings = config.model_dump(mode="json")
    for dotted in OUTSIDE_IDENTITY:
        *parents, last = dotted.split(".")
        node = settings
        for key in parents:
            node = node[key]
        node.pop(last)
    for key in inputs.KEYS:  # known by their content, wherever they lie
        settings[key] = settings[key] and inputs.fingerprint(settings[key])
    weights = [models.fingerprint(*reference) for reference in _references(config)]
    kind = "reflected" if config.reflection else "plain"
    seed = int(config.seed)
    text = canonical({"settings": settings, "seed": seed, "kind": kind, "weights": weights})
    return hashlib.sha256(text.encode()).hexdigest()


def _references(config: Config) -> Iterator[tuple[str, str | None]]:
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
    for job in jobs:
        groups.setdefault(batch_key(job.config), []).append(job)
    order = {job.id: i for i, job in enumerate(jobs)}
    chunks: list[list[Job]] = []
    for group in groups.values():
        config = group[0].config
        alone = kinds.why_alone(kinds.pipeline_name(config.model), config)
        size = 1 if alone else config.memory.batch_size
        chunks += [group[i : i + size] for i in range(0, len(group), size)]
    first_use: dict[str, int] = {}
    for job in jobs:
        first_use.setdefault(model_key(job.config.model), len(first_use))
    return sorted(chunks, key=lambda c: (first_use[model_key(c[0].config.model)], order[c[0].id]))


def batch_key(config: Config) -> str:
    """What has to be equal for two clips to be denoised together.

    The inputs, too: how several of them go into one call, pipelines disagree on.
    """
    own = {"prompt", "class_labels", "name", "seed"}
    return canonical(config.model_dump(mode="json", exclude=own))


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
