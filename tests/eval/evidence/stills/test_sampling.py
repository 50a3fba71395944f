"""Ways are timed in turn, and what is kept of stills is enough to reckon a result anew."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from w2sd_video.eval.evidence import load
from w2sd_video.eval.evidence.embedded import clips
from w2sd_video.eval.evidence.embedded.record import Record, content, read
from w2sd_video.eval.evidence.embedded.rendering import Rendering
from w2sd_video.eval.evidence.embedded.store import Pair, Row, key, rows
from w2sd_video.eval.evidence.stills import sampling
from w2sd_video.eval.evidence.stills.outcomes import METRICS
from w2sd_video.eval.evidence.stills.prompts import pairs
from w2sd_video.eval.evidence.stills.sampling import Sampling, Timed, timed
from w2sd_video.eval.evidence.stills.ways import Partner, Way

from w2sd_video.render.errors import InputError

from ....conftest import needs_weights
from ..made_up import MADE

MODELS = "pretended"
PAIRS = pairs("captions", 2, 0)
WAYS = [Way(n, 2.5) for n in (2, 4)]
STUDIES = ("addition", "cost", "settings-image")


@dataclass
class Slow:
    """The first round takes a hundred times as long as the others."""

    called: list[Timed | Way] = field(default_factory=list)

    def __call__(self, column: Timed | Way, pairs: list[Pair]) -> list[Row]:
        self.called.append(column)
        slow = 100.0 if len(self.called) <= len(WAYS) else 1.0
        steps = column.way.steps if isinstance(column, Timed) else 0
        empty: list[dict[str, float]] = [{}] * len(pairs)
        return rows(MODELS, column, pairs, empty, column.evaluations, slow * steps * len(pairs))


def test_ways_are_timed_in_turn_by_the_median_of_the_rounds(tmp_path: Path) -> None:
    def rendering(slow: Slow) -> sampling.Stills:
        return Rendering(slow, lambda way, pair: key(MODELS, way, pair), tmp_path, 2, 8)

    slow, again = Slow(), Slow()
    found = timed(rendering(slow), WAYS, PAIRS, rounds=3)
    assert found == {WAYS[0]: 2.0, WAYS[1]: 4.0}
    assert slow.called == [Timed(way, number) for number in range(3) for way in WAYS]
    assert timed(rendering(again), WAYS, PAIRS, rounds=3) == found
    assert not again.called  # they are kept
    assert timed(rendering(again), WAYS, PAIRS, rounds=0) == {}


@needs_weights
def test_a_timed_way_is_the_way_under_a_name_of_its_own() -> None:
    way = Way(2, 2.5, partner=Partner(weights=True))
    sampler = Sampling("image", MODELS)
    plainly, once, twice = (sampler(one, PAIRS) for one in (way, Timed(way, 0), Timed(way, 1)))
    assert len({row.key for made in (plainly, once, twice) for row in made}) == 3 * len(PAIRS)
    for row, other, pair in zip(plainly, once, PAIRS, strict=True):
        assert (row.values, row.evaluations) == (other.values, other.evaluations)
        assert other.column == {"way": row.column, "round": 0}
        assert other.key == key(MODELS, Timed(way, 0), pair)
        assert other.seconds > 0


@dataclass(frozen=True)
class Pretended:
    """Samples nothing: luck, the same for all ways, decides what is right."""

    kind: str
    fingerprint: str
    called: ClassVar[list[Way | Timed]] = []

    def __call__(self, column: Way | Timed, pairs: list[Pair]) -> list[Row]:
        self.called.append(column)
        luck = [np.random.default_rng([n, zlib.crc32(s.caption.encode())]) for s, n in pairs]
        seen = [dict.fromkeys(METRICS, float(rng.random() < 0.7)) for rng in luck]
        seconds = float(zlib.crc32(str(column).encode()) % 7 + 1)
        return rows(self.fingerprint, column, pairs, seen, column.evaluations, seconds)


@pytest.fixture
def called(here: Path, monkeypatch: pytest.MonkeyPatch) -> list[Way | Timed]:
    monkeypatch.setattr(sampling, "Sampling", Pretended)
    monkeypatch.setattr(Pretended, "called", [])
    monkeypatch.setattr(clips, "PROCESSES", 1)
    return Pretended.called


@pytest.mark.parametrize("name", STUDIES)
def test_a_result_is_the_same_from_the_stills_that_are_kept(
    name: str, called: list[Way | Timed], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = load(name)
    monkeypatch.setattr(study, "FULL", study.QUICK)
    result = study.run(0, False)
    assert called
    assert any(isinstance(one, Timed) for one in called) == (name == "cost")
    kept = through_a_file(replace(result.clips, made=MADE))
    for file in Path("evidence/clips/image").iterdir():
        file.unlink()  # else they would be found there
    called.clear()
    again = study.run(0, False, kept)
    assert not called
    assert again.json_value() == result.json_value() | {"made": MADE.model_dump()}
    assert again.clips == kept
    with pytest.raises(InputError, match=r"^--recorded: the record lacks clips"):
        study.run(0, False, replace(kept, models="others", rows=kept.rows[:-1]))


def through_a_file(kept: Record) -> Record:
    Path("kept").write_bytes(content(kept))
    assert read(Path("kept")) == kept
    return kept
