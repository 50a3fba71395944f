"""Scores that every image has one of: from vectors of images, prompts and other images."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from w2sd_video.eval.errors import Unusable
from w2sd_video.eval.images import models
from w2sd_video.eval.images.models import Aesthetic, Clip, Embedder
from w2sd_video.eval.images.pictures import Picture
from w2sd_video.eval.images.scores import Kind
from w2sd_video.eval.images.task import Task
from w2sd_video.eval.results import Results, Score, of_prompt

if TYPE_CHECKING:
    from torch import Tensor

BATCH = 16


@dataclass
class _Todo:
    """An image, and by score who will say what is lacking of it."""

    picture: Picture
    sources: dict[Kind, str] = field(default_factory=dict)


def score(task: Task) -> None:
    """Score images by one model, whose vectors all of its scores share.

    Raises:
        EvaluationError: if the model can't be used.
        InputError: if an image can't be read.
    """
    todo: dict[tuple[str, str], _Todo] = {}
    for outcome in task.outcomes:
        kind, sources = outcome.kind, _sources(task, outcome.kind)
        known = _known(kind, sources, task.results)
        task.results.renew(kind.name, {(p.content, sources[p]) for p in known})
        new = {(p.content, s): p for p, s in sources.items() if p not in known}
        outcome.kept, outcome.scored = len(known), len(new)
        for (content, source), picture in new.items():
            todo.setdefault((content, picture.prompt), _Todo(picture)).sources[kind] = source
    if todo:
        _score(task, list(todo.values()))
    for outcome in task.outcomes:
        known = _known(outcome.kind, _sources(task, outcome.kind), task.results)
        of_side: dict[str, list[float]] = defaultdict(list)
        for picture, value in known.items():
            of_side[picture.side].append(value)
        outcome.values = {s: (sum(v) / len(v), len(v)) for s, v in of_side.items()}
    _tell_of_long_prompts(task)


def _score(task: Task, todo: Sequence[_Todo]) -> None:
    """Score these images, and keep each batch as it comes."""
    import torch

    asked = list(dict.fromkeys(kind for item in todo for kind in item.sources))
    task.say(f"{', '.join(kind.name for kind in asked)}: {len(todo)} images")
    with torch.inference_mode():
        model = models.CLASSES[asked[0].model](task.place, task.allow_pickle)
        compares = any(kind.needs_reference for kind in asked)
        mean = _mean(model, task.reference) if compares else None
        for i in range(0, len(todo), BATCH):
            batch = todo[i : i + BATCH]
            vectors = model.images([item.picture.rgb() for item in batch])
            prompts = [item.picture.prompt for item in batch]
            found = []
            for kind in asked:
                values = measure(kind, model, vectors, prompts, mean).tolist()
                for item, value in zip(batch, values, strict=True):
                    if kind not in item.sources:
                        continue
                    if not math.isfinite(value):
                        raise Unusable(f"{task.place} gives {value} for {item.picture.path}")
                    found.append(Score(item.picture.content, kind.name, item.sources[kind], value))
            task.results.add(found)


def measure(
    kind: Kind, model: Embedder, vectors: Tensor, prompts: Sequence[str], mean: Tensor | None
) -> Tensor:
    """A score's values, ``(images,)``.

    Args:
        vectors: unit vectors of the images, ``(images, width)``.
        mean: of the reference's unit vectors, ``(width,)``: a product with it is the mean cosine.
    """
    if isinstance(model, Aesthetic):
        return model.rate(vectors)
    if kind.needs_reference:
        assert mean is not None
        return vectors @ mean
    assert isinstance(model, Clip)
    cosines = (vectors * model.texts(prompts)).sum(-1)
    return cosines * model.scale if kind.name == "pickscore" else cosines


def _mean(model: Embedder, reference: Sequence[Picture]) -> Tensor:
    """The mean of unit vectors, ``(width,)``, which is no unit vector itself."""
    parts = [
        model.images([picture.rgb() for picture in reference[i : i + BATCH]]).sum(0)
        for i in range(0, len(reference), BATCH)
    ]
    total: Tensor = sum(parts[1:], parts[0])
    return total / len(reference)


def _tell_of_long_prompts(task: Task) -> None:
    """Tell of prompts that are not read to their end, whether their values are new or kept."""
    asked = [outcome for outcome in task.outcomes if outcome.kind.needs_prompt]
    if not asked:
        return
    model = models.CLASSES[asked[0].kind.model]
    assert issubclass(model, Clip)
    reader = model.reader(task.place)
    prompts = {picture.prompt for picture in task.pictures}
    if cut := sum(map(reader.cuts, prompts)):
        for outcome in asked:
            outcome.notes.append(
                f"{cut} of {len(prompts)} prompts are longer than the {reader.length} tokens that"
                " it reads"
            )


def _sources(task: Task, kind: Kind) -> dict[Picture, str]:
    """Who says it of each image.

    And of which prompt, where that matters and may become another one without the file becoming
    another.
    """
    source = task.said_by(kind)
    if not kind.needs_prompt:
        return dict.fromkeys(task.pictures, source)
    return {p: source if p.has_prompt else of_prompt(source, p.prompt) for p in task.pictures}


def _known(kind: Kind, sources: Mapping[Picture, str], results: Results) -> dict[Picture, float]:
    found = results.of_metric(kind.name)
    return {
        picture: found[picture.content, source]
        for picture, source in sources.items()
        if (picture.content, source) in found
    }
