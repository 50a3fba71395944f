"""A job: one clip, or image, and the settings that it shares with many others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from w2sd_video.render.jobs.identity import digest
from w2sd_video.render.settings import kinds
from w2sd_video.render.settings.config import Config, Own
from w2sd_video.render.settings.cost import evaluations
from w2sd_video.render.settings.layers import Layer


class Settings:
    """What many jobs have in common: a configuration but for what rows say of their own clips.

    Attributes:
        config: without any of ``Own``, and of one sample.
        digest: of all in it that settles a clip, weights included.
        alone: why a call makes one clip only, if so.
        cost: denoiser samples of a clip, see ``cost.evaluations``.
        notes: what a person should know of them.
    """

    def __init__(self, config: Config) -> None:
        nothing = {name: info.default for name, info in Own.model_fields.items()}
        self.config = config.model_copy(update=nothing | {"samples": 1})
        self.digest = digest(self.config)
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


def _notes(config: Config, alone: str | None) -> Iterator[str]:
    """What a person should know of a configuration that is not wrong."""
    if alone and config.memory.batch_size > 1:
        yield f"{alone}, so memory.batch_size is taken as 1"
    if config.reflection and config.reflection.strong == config.reflection.weak:
        yield "the strong and the weak side are the same, so reflection changes next to nothing"


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
