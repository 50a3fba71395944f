"""Scores clips of the embedded world with its own scorer: what no weights are needed for."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table
from w2sd_video.eval.clips import Clip, find
from w2sd_video.eval.results import Results, Score

from w2sd_video.render.errors import InputError
from w2sd_video.render.media.video import read_mp4

if TYPE_CHECKING:
    from w2sd_video.shapes.world import Scene

SOURCE = "shapes 1"
# As the comparison names them. Of right to background 1 is all right; jitter is in pixels,
# dynamic, which is the objects' mean speed, in pixels a frame.
METRICS = ("right", "count", "color", "shape", "motion", "background", "jitter", "dynamic")


@dataclass(frozen=True)
class ShapesReport:
    """Means over clips.

    Attributes:
        means: by side and metric, and over how many clips; a metric that can't be measured on
            any clip is left out.
        others: clips whose prompt is not of this world.
    """

    clips: int
    scored: int
    others: int
    means: dict[str, dict[str, tuple[float, int]]]

    def as_json(self) -> dict[str, Any]:
        return {
            "source": SOURCE,
            "clips": self.clips,
            "scored_now": self.scored,
            "other_prompts": self.others,
            "means": {
                side or "clips": {name: value for name, (value, _) in metrics.items()}
                for side, metrics in self.means.items()
            },
        }

    def table(self) -> Table:
        """A row a metric, a column a side."""
        found = Table(box=None, pad_edge=False, header_style="bold")
        found.add_column(SOURCE)
        sides = sorted(self.means)
        for side in sides:
            found.add_column(side or "mean", justify="right")
        found.add_column("clips", justify="right")
        for name in dict.fromkeys(name for side in sides for name in self.means[side]):
            cells = [self.means[side].get(name) for side in sides]
            values = ["-" if cell is None else f"{cell[0]:.4f}" for cell in cells]
            found.add_row(name, *values, str(sum(cell[1] for cell in cells if cell)))
        return found


def evaluate(folder: Path, say: Callable[[str], None]) -> ShapesReport:
    """Score the clips that have no score yet, each kept as it comes.

    Raises:
        InputError: if no clip is of this world, or one can't be read as its clips are.
    """
    from w2sd_video.shapes.world import Scene

    clips = find(folder)
    ours = {clip: scene for clip in clips if (scene := Scene.parse(clip.prompt))}
    if not ours:
        raise InputError("has no clip whose prompt is of the shapes world", str(folder))
    scored = 0
    with Results(folder) as results:
        known = results.of_metric("right")
        for clip, scene in ours.items():
            key = clip.content, clip.judged_by(SOURCE)
            if key not in known:
                found = _measure(clip, scene)
                results.add(Score(key[0], name, key[1], value) for name, value in found.items())
                known[key] = found["right"]
                scored += 1
        values = {metric: results.of_metric(metric) for metric in METRICS}
    say(f"shapes: {scored} clips scored, {len(ours) - scored} had a score")
    sides: dict[str, dict[str, tuple[float, int]]] = defaultdict(dict)
    for side in {clip.side for clip in ours}:
        keys = [(clip.content, clip.judged_by(SOURCE)) for clip in ours if clip.side == side]
        for metric, of_clip in values.items():
            if of_side := [of_clip[key] for key in keys if key in of_clip]:
                sides[side][metric] = sum(of_side) / len(of_side), len(of_side)
    return ShapesReport(len(ours), scored, len(clips) - len(ours), dict(sides))


def _measure(clip: Clip, scene: Scene) -> dict[str, float]:
    """By metric, without those that can't be measured on this clip."""
    from w2sd_video.shapes.score import grade, speed

    try:
        frames = read_mp4(clip.path).frames
    except (OSError, ValueError) as error:
        raise InputError(f"can't be read as a video: {error}", str(clip.path)) from None
    try:
        found = asdict(grade(frames, scene))
        found |= {"right": found.pop("everything"), "dynamic": speed(frames)}
    except ValueError as error:
        raise InputError(f"is no clip of the shapes world: {error}", str(clip.path)) from None
    return {name: value for name, value in found.items() if math.isfinite(value)}
