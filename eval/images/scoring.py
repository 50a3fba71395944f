"""Scores a folder's images, model by model: what has a score keeps it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from w2sd_video.eval.errors import Crashed, EvaluationError, NotThere
from w2sd_video.eval.images import of_images, of_sets, sets, weights
from w2sd_video.eval.images.outcome import Outcome, Report
from w2sd_video.eval.images.pictures import Found, find
from w2sd_video.eval.images.scores import SOURCE, Kind
from w2sd_video.eval.images.task import Task
from w2sd_video.eval.results import Results

from w2sd_video.render.errors import InputError

Say = Callable[[str], None]


@dataclass(frozen=True)
class Request:
    """What is to be scored, and how.

    Attributes:
        folder: of the images.
        weights: a folder of models; None for the hub cache only.
        reference: a folder of other images, which some scores compare with.
        allow_pickle: whether weights may be pickles.
    """

    folder: Path
    kinds: Sequence[Kind]
    weights: Path | None = None
    reference: Path | None = None
    allow_pickle: bool = False


def evaluate(request: Request, say: Say) -> Report:
    """Score what has no score yet.

    Scores are kept as they come, so that an interruption loses the batch that is running and no
    more. A score that can't be had does not keep the others from being so, and neither does an
    image that can't be read.

    Raises:
        InputError: if a folder can't be used.
    """
    found = find(request.folder)
    if request.weights is not None and not request.weights.is_dir():
        raise InputError("no such folder", str(request.weights), key="--weights")
    reference, note = _reference(request)
    left_out = [str(error) for error in (*found.unreadable, *reference.unreadable)]
    for line in left_out:
        say(f"{line}; it is left out")
    outcomes = [
        Outcome(kind.name, kind, notes=[note] if note and kind.needs_reference else [])
        for kind in request.kinds
    ]
    by_model: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        if outcome.kind.needs_reference and not reference.pictures:
            _fail([outcome], NotThere("compares with other images; name them: --reference"), say)
        else:
            by_model[outcome.kind.model].append(outcome)
    with Results(request.folder) as results:
        for name, of_model in by_model.items():
            of_set = of_model[0].kind.of_set
            try:
                if of_set:
                    sets.check_extra()
                place = weights.locate(weights.MODELS[name], request.weights, request.allow_pickle)
                task = Task(
                    place=place,
                    outcomes=of_model,
                    pictures=found.pictures,
                    reference=reference.pictures,
                    results=results,
                    source=f"{SOURCE}, {name} {weights.fingerprint(place, request.allow_pickle)}",
                    allow_pickle=request.allow_pickle,
                    say=say,
                )
                (of_sets if of_set else of_images).score(task)
            except EvaluationError as error:
                _fail(of_model, error, say)
            except (RuntimeError, ValueError) as error:  # out of memory, for one
                reason = " ".join(str(error).split())[:300]
                _fail(of_model, Crashed(f"{type(error).__name__}: {reason}"), say)
    return Report(found.pictures, outcomes, left_out)


def _reference(request: Request) -> tuple[Found, str]:
    """The images to compare with, and what is to be said of them.

    Of a rendered folder that has both sides these are the plain ones: what is reflected is the
    method's, and no reference.
    """
    if request.reference is None:
        return Found(), ""
    if request.reference.resolve() == request.folder.resolve():
        raise InputError("is the folder that is scored", str(request.reference), key="--reference")
    found = find(request.reference, "--reference")
    plain = [picture for picture in found.pictures if picture.side == "plain"]
    if len(plain) in (0, len(found.pictures)):
        return found, ""
    note = f"compared with the {len(plain)} plain images of --reference, not with reflected ones"
    return Found(plain, found.unreadable), note


def _fail(outcomes: Sequence[Outcome], error: EvaluationError, say: Say) -> None:
    """Those that have not failed yet do so now."""
    for outcome in outcomes:
        if not outcome.code:
            outcome.fail(error)
            say(f"{outcome.kind.name}: {outcome.reasons[-1]}")
