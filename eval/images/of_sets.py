"""Scores that a set of images has one of: those of each side of a folder."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from w2sd_video.eval.errors import NotThere, Unusable
from w2sd_video.eval.images import sets
from w2sd_video.eval.images.outcome import Outcome
from w2sd_video.eval.images.pictures import Picture
from w2sd_video.eval.images.scores import KINDS
from w2sd_video.eval.images.task import Task
from w2sd_video.eval.results import Score

if TYPE_CHECKING:
    from w2sd_video.eval.images.inception import Inception

DEVIATION = "is-deviation"


def score(task: Task) -> None:
    """Score the set of each side.

    Raises:
        EvaluationError: if the model can't be used.
        InputError: if an image can't be read.
    """
    sides: dict[str, list[Picture]] = defaultdict(list)
    for picture in task.pictures:
        sides[picture.side].append(picture)
    outcomes = [
        outcome for outcome in task.outcomes if _is_enough(task, outcome, list(sides.values()))
    ]
    network: Inception | None = None
    reference: sets.Reference | None = None
    for side, pictures in sorted(sides.items()):
        key = sets.content(pictures)
        lacking = [o for o in outcomes if key not in _known(task, o.kind.name)]
        if lacking:
            names = [outcome.kind.name for outcome in lacking]
            of_side = f"{len(pictures)} {side} images" if side else f"{len(pictures)} images"
            task.say(f"{', '.join(names)}: {of_side}")
            network = network or _network(task)
            if "fid" in names and reference is None:
                reference = sets.Reference(network, task.reference)
            found = _values(network, names, pictures, reference)
            finite = {name: value for name, value in found.items() if math.isfinite(value)}
            task.results.add(Score(key, n, _said_by(task, n), v) for n, v in finite.items())
            for name in found.keys() - finite.keys():
                raise Unusable(f"{name} of {of_side} is {found[name]}")
        for outcome in outcomes:
            name = outcome.kind.name
            outcome.scored += outcome in lacking
            outcome.kept += outcome not in lacking
            outcome.values[side] = _known(task, name)[key], len(pictures)
            outcome.notes += [
                f"{side}: {note}" if side else note for note in _notes(task, name, key, pictures)
            ]


def _is_enough(task: Task, outcome: Outcome, sides: Sequence[list[Picture]]) -> bool:
    """Whether there are as many images as a score needs; if not, that is told."""
    name = outcome.kind.name
    try:
        for pictures in sides:
            sets.check_number(name, len(pictures))
        if outcome.kind.needs_reference:
            sets.check_number(name, len(task.reference), "reference images")
    except NotThere as error:
        outcome.fail(error)
        task.say(f"{name}: {outcome.reasons[-1]}")
        return False
    return True


def _said_by(task: Task, name: str) -> str:
    return task.said_by(KINDS["is" if name == DEVIATION else name])


def _known(task: Task, name: str) -> dict[str, float]:
    return task.results.of(name, _said_by(task, name))


def _network(task: Task) -> Inception:
    from w2sd_video.eval.images import inception

    return inception.load(task.place, task.allow_pickle)


def _values(
    network: Inception,
    names: Sequence[str],
    pictures: Sequence[Picture],
    reference: sets.Reference | None,
) -> dict[str, float]:
    """Values of a set by name, from one look at its images."""
    import torch

    frechet = reference.begun() if reference and "fid" in names else None
    logits = []
    for features, of_classes in sets.features(network, pictures):
        logits.append(of_classes.cpu())
        if frechet:
            frechet.add(features)
    found = {}
    if "is" in names:
        found["is"], found[DEVIATION] = sets.inception_score(torch.cat(logits))
    if frechet:
        found["fid"] = frechet.distance()
    return found


def _notes(task: Task, name: str, key: str, pictures: Sequence[Picture]) -> list[str]:
    """What a person should know of a value."""
    notes = []
    fewest = len(pictures)
    if name == "is":
        notes.append(f"± {_known(task, DEVIATION)[key]:.2f} over {sets.SPLITS} splits")
    else:
        fewest = min(fewest, len(task.reference))
    if caution := sets.caution(name, fewest):
        notes.append(caution)
    return notes
