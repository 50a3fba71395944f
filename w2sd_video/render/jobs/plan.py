"""From rows to jobs: one job is one clip, known by a hash of everything that settles it."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from w2sd_video.render.jobs.identity import identity
from w2sd_video.render.jobs.job import Job, Settings
from w2sd_video.render.settings import kinds
from w2sd_video.render.settings.checks import own_problems
from w2sd_video.render.settings.config import OWN, Config, Own
from w2sd_video.render.settings.layers import Layer, blame, merge
from w2sd_video.render.settings.resolve import resolve
from w2sd_video.render.settings.revisions import pinned

SLUG_LENGTH = 60
PLAIN = ".plain"  # ends the name of a plain clip that stands beside a reflected one


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
            elif job.kind == "plain" and settings.config.reflection:
                continue  # the twin of several reflected clips has the first one's name
            elif job.name != jobs[job.id].name and own.name:
                first = jobs[job.id]
                same = f"'{job.name}' would repeat '{first.name}' of {first.source}"
                raise row.error(same, ("name",))
            else:
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
            config = pinned(resolve([*self.base, row], merge(self._below, row.data)))
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


def _jobs_of(
    settings: Settings, own: Own, seeds: list[int], layers: tuple[Layer, ...], baseline: bool
) -> Iterator[Job]:
    """A row's jobs: each seed, and its plain twin right after it."""
    stem = own.name or slug(own.shows)
    for seed in seeds:
        name = stem if own.name and len(seeds) == 1 else f"{stem}-s{seed}"
        one = own.model_copy(update={"seed": seed})
        pair = identity(settings.plain.digest, one)
        yield Job(identity(settings.digest, one), pair, name, one, settings, layers)
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
