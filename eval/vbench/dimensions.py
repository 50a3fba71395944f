"""VBench's 16 dimensions, and how they come together in Quality, Semantic and Total."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from w2sd_video.render.errors import InputError, did_you_mean

SAMPLES = 5  # clips of each prompt
LIMIT = 5.0  # seconds: longer clips belong to VBench-Long
FLICKERING = "temporal_flickering"
STATIC = "static_filter"  # what picks the clips of FLICKERING; kept as a metric of its own


@dataclass(frozen=True)
class Dimension:
    """One of the 16.

    Attributes:
        low, high: its value is normalised by (value - low) / (high - low).
        weight: in its group's mean.
        counts: what the aggregate is a mean over: clips, their frames, or pairs of neighbours.
        scale: a clip's value, as VBench says it, is divided by this to be on the aggregate's scale.
        frames: a clip needs so many.
        needs_prompt: whether the value depends on the prompt.
        own_prompts: whether it is for official prompts only, about which VBench knows more.
        may_leave_out: whether a clip without value is no failure.
        detectron: whether it needs detectron2, which no registry carries.
    """

    name: str
    group: Literal["quality", "semantic"]
    low: float = 0.0
    high: float = 1.0
    weight: float = 1.0
    counts: Literal["clips", "frames", "pairs"] = "clips"
    scale: float = 1.0
    frames: int = 1
    needs_prompt: bool = False
    own_prompts: bool = False
    may_leave_out: bool = False
    detectron: bool = False

    @property
    def samples(self) -> int:
        """Official clips of each prompt."""
        return 5 * SAMPLES if self.name == FLICKERING else SAMPLES

    def normalised(self, value: float) -> float:
        return (value - self.low) / (self.high - self.low)

    def aggregate(self, clips: Iterable[tuple[float, int]]) -> float:
        """The official aggregate of clips, each a value on its scale and a number of frames.

        Raises:
            ValueError: if there are none.
        """
        total = weight = 0.0
        for value, frames in clips:
            share = {"clips": 1, "frames": frames, "pairs": frames - 1}[self.counts]
            total, weight = total + share * value, weight + share
        if not weight:
            raise ValueError(f"no clips of {self.name}")
        return total / weight


_quality = partial(Dimension, group="quality")
_semantic = partial(Dimension, group="semantic", needs_prompt=True)
_of_objects = partial(
    Dimension, group="semantic", needs_prompt=True, own_prompts=True, detectron=True
)
DIMENSIONS = {
    dimension.name: dimension
    for dimension in (
        _quality("subject_consistency", low=0.1462, counts="pairs", frames=2),
        _quality("background_consistency", low=0.2615, counts="pairs", frames=2),
        _quality("temporal_flickering", low=0.6293, frames=2),
        _quality("motion_smoothness", low=0.706, high=0.9975, frames=3),
        _quality("dynamic_degree", weight=0.5, frames=3),
        _quality("aesthetic_quality"),
        _quality("imaging_quality", scale=100.0),
        _of_objects("object_class"),
        _of_objects("multiple_objects"),
        _semantic("human_action"),
        _of_objects("color", may_leave_out=True),
        _of_objects("spatial_relationship"),
        _semantic("scene", high=0.8222, own_prompts=True),
        _semantic("appearance_style", low=0.0009, high=0.2855, counts="frames", own_prompts=True),
        _semantic("temporal_style", high=0.364),
        _semantic("overall_consistency", high=0.364),
    )
}
# The paper's six, and the one that needs no weights.
PAPER = (
    "subject_consistency",
    "background_consistency",
    "motion_smoothness",
    "dynamic_degree",
    "aesthetic_quality",
    "imaging_quality",
)
DEFAULT = (*PAPER, FLICKERING)


def chosen(names: Sequence[str], where: str) -> list[Dimension]:
    """Dimensions by name, each once; ``all`` is every one of them.

    Raises:
        InputError: for a name that is none.
    """
    found: dict[str, Dimension] = {}
    for name in names:
        if name == "all":
            return list(DIMENSIONS.values())
        if name not in DIMENSIONS:
            near = did_you_mean(name, DIMENSIONS)
            raise InputError(f"unknown dimension '{name}'{near}", where)
        found[name] = DIMENSIONS[name]
    return list(found.values())


def totals(values: Mapping[str, float]) -> dict[str, float | None]:
    """Quality, Semantic and Total from aggregates by dimension.

    None where a dimension is missing: the official script takes it as 0, which is a number of no
    meaning.
    """
    found: dict[str, float | None] = {}
    for group in ("quality", "semantic"):
        members = [d for d in DIMENSIONS.values() if d.group == group]
        if all(d.name in values for d in members):
            weight = sum(d.weight for d in members)
            found[group] = sum(d.weight * d.normalised(values[d.name]) for d in members) / weight
        else:
            found[group] = None
    quality, semantic = found["quality"], found["semantic"]
    found["total"] = None
    if quality is not None and semantic is not None:
        found["total"] = (4 * quality + semantic) / 5
    return found
