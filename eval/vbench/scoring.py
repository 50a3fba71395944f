"""Scores a folder's clips, dimension by dimension: what has a score keeps it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from w2sd_video.eval.clips import Clip, find
from w2sd_video.eval.errors import EvaluationError, NotThere, Unusable
from w2sd_video.eval.outcome import Outcome, code_of
from w2sd_video.eval.results import LEFT_OUT, Results, Score
from w2sd_video.eval.vbench import checked, environment, process, weights
from w2sd_video.eval.vbench.dimensions import FLICKERING, STATIC, Dimension, totals
from w2sd_video.eval.vbench.lengths import check_lengths, too_short
from w2sd_video.eval.vbench.membership import (
    Mode,
    clips_a_prompt,
    members,
    mixed_sides,
    still_ones,
)
from w2sd_video.eval.vbench.suite import entries

SOURCE = f"vbench {environment.VERSION}"
BY_WEIGHTS = re.compile(", weights [0-9a-f]{12}")
SILENCE = 1800.0  # seconds for one clip, or to load a model

Say = Callable[[str], None]


@dataclass(frozen=True)
class Request:
    """What is to be scored, and how.

    Attributes:
        folder: of the clips; logs go into its ``eval/``.
        environment: VBench's own.
        weights: see ``weights.root``.
        silence: seconds without a word from the runner until it is taken as hung.
        script: another runner.
    """

    folder: Path
    dimensions: Sequence[Dimension]
    mode: Mode
    environment: Path
    weights: Path
    silence: float = SILENCE
    script: Path | None = None


@dataclass(frozen=True)
class Report:
    """What has become of all of them.

    Attributes:
        official: dimensions that are scored on the clips that VBench's totals are of.
    """

    mode: Mode
    clips: list[Clip]
    outcomes: list[Outcome]
    official: frozenset[str]

    @property
    def sides(self) -> list[str]:
        return sorted({clip.side for clip in self.clips})

    def totals(self, side: str) -> dict[str, float | None]:
        """Quality, Semantic, Total: of official values only."""
        found = {o.name: o.values[side][0] for o in self.outcomes if side in o.values}
        return totals({name: value for name, value in found.items() if name in self.official})

    @property
    def code(self) -> int:
        return code_of(self.outcomes)


def evaluate(request: Request, say: Say) -> Report:
    """Score what has no score yet.

    Every dimension's scores are kept as soon as it ends, so that an interruption loses the one
    that is running and no more. A dimension that fails does not keep the others from being scored.

    Raises:
        InputError: if VBench is not set up, or the folder can't be scored.
    """
    _, state = environment.opened(request.environment)
    clips = find(request.folder)
    if request.mode == "standard":
        check_lengths(clips)
    official = entries(request.environment) if request.mode == "standard" else []
    outcomes, counted = [], set()
    with Results(request.folder) as results:
        for dimension in request.dimensions:
            outcome = Outcome(dimension.name)
            outcomes.append(outcome)
            try:
                _available(dimension.name, state.dimensions)
                chosen = members(dimension, clips, request.mode, official)
                if _Work(request, results, outcome, say).run(dimension, chosen, state.dimensions):
                    counted.add(dimension.name)
            except EvaluationError as error:
                outcome.code = error.code
                outcome.reasons += str(error).splitlines()
                for reason in outcome.reasons:
                    say(f"{dimension.name}: {reason}")
    return Report(request.mode, clips, outcomes, frozenset(counted))


def _available(name: str, importable: Mapping[str, str]) -> None:
    """See that a dimension can be imported in VBench's environment."""
    if importable.get(name):
        reasons = dict(environment.report(environment.State(dimensions={**importable})))
        raise NotThere(reasons[name])


class _Work:
    """The scoring of one dimension."""

    def __init__(self, request: Request, results: Results, outcome: Outcome, say: Say) -> None:
        self._request, self._results, self._outcome, self._say = request, results, outcome, say
        self._sources: dict[str, str] = {}

    def run(self, dimension: Dimension, clips: list[Clip], importable: Mapping[str, str]) -> bool:
        """Score clips and aggregate them; returns whether that is the official value.

        Raises:
            EvaluationError: if that can't be done.
        """
        for clip in clips:
            if reason := too_short(clip, dimension):
                raise NotThere(reason)
        found = self._scores(dimension, clips)
        official = False
        if self._request.mode == "standard":
            official = self._is_official(dimension, clips)
            if dimension.name == FLICKERING:
                clips = self._still(clips, importable)
        sides: dict[str, list[tuple[float, int]]] = defaultdict(list)
        for clip in clips:
            if (value := found[clip]) is not None:
                sides[clip.side].append((value, clip.frames))
        if left_out := sum(found[clip] is None for clip in clips):
            if not sides:
                raise Unusable(f"VBench leaves out all of {len(clips)} clips")
            self._outcome.notes.append(f"VBench leaves out {left_out} of {len(clips)} clips")
        for side, of_side in sides.items():
            self._outcome.values[side] = dimension.aggregate(of_side), len(of_side)
        return official

    def _is_official(self, dimension: Dimension, clips: list[Clip]) -> bool:
        """Whether these are the clips of VBench's totals; if not, it is noted."""
        if (numbers := clips_a_prompt(clips)) != [dimension.samples]:
            told = " and ".join(map(str, numbers))
            self._outcome.notes.append(
                f"clips of each prompt: {told}, officially {dimension.samples}; no totals"
            )
            return False
        if mixed := mixed_sides(clips):
            self._outcome.notes.append(
                f"{' and '.join(mixed)} clips are not all of one setting, so the mean is of"
                " several; no totals; render the list to its end, or into a folder of its own"
            )
            return False
        return dimension.name != FLICKERING or not weights.missing(STATIC, self._request.weights)

    def _scores(self, dimension: Dimension, clips: list[Clip]) -> dict[Clip, float | None]:
        """By clip, on the aggregate's scale, None for one that VBench leaves out; what is not known
        is scored."""
        known = self._known(dimension, clips)
        self._results.renew(
            dimension.name,
            {
                (clip.content if value is not None else LEFT_OUT + clip.content,
                 self._source(dimension, clip))
                for clip, value in known.items()
            },
        )  # fmt: skip
        todo = self._once(dimension, (clip for clip in clips if clip not in known))
        self._outcome.kept = sum(value is not None for value in known.values())
        if not todo:
            return known
        request = {"task": "score", "dimension": dimension.name}
        result = self._run(dimension.name, request, todo)
        said = checked.values(result, (str(clip.path) for clip in todo), dimension.may_leave_out)
        values = {
            clip: said[str(clip.path)] / dimension.scale for clip in todo if str(clip.path) in said
        }
        shares = [(value, clip.frames) for clip, value in values.items()]
        if shares and not checked.agrees(dimension, result, shares):
            own = dimension.aggregate(shares)
            raise Unusable(f"VBench's aggregate is {result['aggregate']}, but its clips' {own}")
        self._results.add(
            Score(clip.content, dimension.name, self._source(dimension, clip), values[clip])
            if clip in values
            else Score(LEFT_OUT + clip.content, dimension.name, self._source(dimension, clip), 0.0)
            for clip in todo
        )
        self._outcome.scored = len(values)
        return self._known(dimension, clips)

    def _still(self, clips: list[Clip], importable: Mapping[str, str]) -> list[Clip]:
        """What the official filter keeps; all, where it can't be run."""
        if lacking := weights.missing(STATIC, self._request.weights):
            self._outcome.notes.append(
                f"of all clips, without the official filter; no totals; {lacking[0]}"
            )
            return clips
        _available("dynamic_degree", importable)  # which has the filter's model
        source = self._by_weights(STATIC)
        known = self._results.of(STATIC, source)
        self._results.renew(
            STATIC, {(clip.content, source) for clip in clips if clip.content in known}
        )
        todo = [*{clip.content: clip for clip in clips if clip.content not in known}.values()]
        if todo:
            result = self._run(STATIC, {"task": "static"}, todo)
            said = checked.values(result, (str(clip.path) for clip in todo))
            self._results.add(
                Score(clip.content, STATIC, source, said[str(clip.path)]) for clip in todo
            )
            known = self._results.of(STATIC, source)
        kept = still_ones(clips, known)
        if not kept:
            raise NotThere(f"the official filter finds none of {len(clips)} clips still")
        self._outcome.notes.append(f"of the {len(kept)} clips of {len(clips)} that are still")
        return kept

    def _run(self, name: str, task: Mapping[str, object], todo: list[Clip]) -> dict[str, object]:
        if lacking := weights.missing(name, self._request.weights):
            raise NotThere("\n".join(lacking))
        self._say(f"{name}: {len(todo)} clips")
        clips = [{"path": str(clip.path), "prompt": clip.prompt} for clip in todo]
        result = process.run_task(
            environment.python_of(self._request.environment),
            {**task, "clips": clips},
            self._request.folder / "eval" / f"{name}.log",
            self._request.silence,
            weights.variables(self._request.weights),
            self._request.script,
        )
        return result

    def _known(self, dimension: Dimension, clips: Iterable[Clip]) -> dict[Clip, float | None]:
        found = self._results.of_metric(dimension.name)
        any_weights = bool(weights.missing(dimension.name, self._request.weights))
        if any_weights:  # nothing can be scored here, but be told what was elsewhere, and last
            found = {(clip, BY_WEIGHTS.sub("", source)): v for (clip, source), v in found.items()}
        known: dict[Clip, float | None] = {}
        for clip in clips:
            source = self._source(dimension, clip)
            if any_weights:
                source = BY_WEIGHTS.sub("", source)
            if (clip.content, source) in found:
                known[clip] = found[clip.content, source]
            elif (LEFT_OUT + clip.content, source) in found:
                known[clip] = None
        return known

    def _once(self, dimension: Dimension, clips: Iterable[Clip]) -> list[Clip]:
        """Of clips that have the same content, one."""
        return [*{(clip.content, self._source(dimension, clip)): clip for clip in clips}.values()]

    def _source(self, dimension: Dimension, clip: Clip) -> str:
        """Who says it."""
        source = self._by_weights(dimension.name)
        return clip.judged_by(source) if dimension.needs_prompt else source

    def _by_weights(self, name: str) -> str:
        """VBench, and the weights it reads: by others a clip is scored again."""
        if name not in self._sources:
            try:
                own = weights.fingerprint(name, self._request.weights)
            except OSError as error:
                raise Unusable(f"{error.filename} can't be read: {error.strerror}") from None
            self._sources[name] = f"{SOURCE}, weights {own}" if own else SOURCE
        return self._sources[name]
