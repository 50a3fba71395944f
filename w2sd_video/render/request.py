"""What a run is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from w2sd_video.render.jobs.shards import Shard
from w2sd_video.render.settings.layers import Layer


@dataclass(frozen=True)
class Request:
    """What ``render`` is asked for.

    Attributes:
        prompts: path of the list, or ``-``; of a suite its name.
        config: a preset's name or a YAML file.
        folder: of the run; ``renders/`` and the list's name if None.
        options: what the command line sets, see ``option_layers``.
        sweeps: ``key=v1,v2``, each.
        baseline: whether each plain clip is rendered, too.
        dry_run: whether nothing is.
        verify: how many finished clips to render again and compare.
        retry_failed: whether to take up again what failed before.
        shard: the share of the list to render; all of it if None.
        engine: where to render, see ``engines.choose``.
        workers: how many processes render side by side.
        as_json: whether to tell it in JSON events.
        suite: what the rows are of, as ``run.yaml`` is to say it.
        rows: the list itself, where ``prompts`` is not to be read.
        shorter_than: seconds that a clip has to stay below.
    """

    prompts: str
    config: str
    folder: Path | None = None
    options: Sequence[Layer] = ()
    sweeps: Sequence[str] = ()
    baseline: bool = False
    dry_run: bool = False
    verify: int = 0
    retry_failed: bool = False
    shard: Shard | None = None
    engine: str = "local"
    workers: int | None = None
    as_json: bool = False
    suite: str | None = None
    rows: Sequence[Layer] | None = None
    shorter_than: float | None = None

    @property
    def place(self) -> Path:
        """The run's folder."""
        stem = "stdin" if self.prompts == "-" else Path(self.prompts).stem
        return self.folder or Path("renders") / stem
