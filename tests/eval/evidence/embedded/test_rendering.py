"""Results do not depend on processes or interruptions, and nothing is sampled twice."""

from __future__ import annotations

import importlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from w2sd_video.eval.evidence.embedded import store
from w2sd_video.eval.evidence.embedded.rendering import Wanted, as_dear
from w2sd_video.eval.evidence.embedded.store import fingerprint, key, read
from w2sd_video.eval.evidence.video.columns import Column
from w2sd_video.eval.evidence.video.pairs import split_pairs
from w2sd_video.eval.evidence.video.sampler import Clips

from ..video.pretend import Pretend, key_of, rendering

PAIRS = split_pairs("dev", 20)
COLUMN = Column(4, 2.5, partner="weights", share=0.5)


def wanted(count: int = 20) -> list[Clips]:
    return [Wanted(COLUMN, PAIRS[:count]), Wanted(Column(4, 1.5), PAIRS[:8])]


def test_two_processes_find_what_one_does(tmp_path: Path) -> None:
    here = Pretend()
    one, two = rendering(tmp_path / "1", Pretend()), rendering(tmp_path / "2", here, 2)
    one.get(wanted())
    two.get(wanted())
    assert len(list((tmp_path / "2").glob("*.jsonl"))) == 2
    assert two.rows == one.rows
    assert len(one.rows) == 28
    assert not here.called  # it was not this process


def test_a_process_that_fails_is_told(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="2 of 2 sampling processes failed"):
        rendering(tmp_path, Pretend(fails_at=0), 2).get(wanted())


def test_an_interrupted_run_goes_on(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        rendering(tmp_path, Pretend(fails_at=2)).get(wanted())
    kept = read(tmp_path)
    assert len(kept) == 16
    again = Pretend()
    found = rendering(tmp_path, again)
    found.get(wanted())
    assert sum(len(pairs) for _, pairs in again.called) == 28 - 16
    whole = rendering(tmp_path / "whole", Pretend())
    whole.get(wanted())
    assert found.rows == whole.rows
    found.get(wanted())
    assert len(again.called) == 2  # nothing more


def test_a_batch_that_was_cut_off_is_sampled_whole(tmp_path: Path) -> None:
    rendering(tmp_path, Pretend()).get(wanted())
    file = tmp_path / "0.jsonl"
    file.write_text(file.read_text()[:-30])  # killed while it wrote
    again = Pretend()
    found = rendering(tmp_path, again)
    found.get(wanted())
    assert len(again.called) == 1
    assert len(found.rows) == 28
    assert all(json.loads(line) for line in file.read_text().splitlines()[-4:])


def test_more_pairs_keep_the_batches_that_are_full(tmp_path: Path) -> None:
    found = rendering(tmp_path, Pretend())
    found.get(wanted(8))
    more = Pretend()
    found.sampler = more
    found.get(wanted(20))
    assert [[seed for _, seed in pairs] for _, pairs in more.called] == [
        [seed for _, seed in PAIRS[8:16]],
        [seed for _, seed in PAIRS[16:20]],
    ]


def test_effort_is_of_what_was_asked_for(tmp_path: Path) -> None:
    rendering(tmp_path, Pretend()).get(wanted())
    found = rendering(tmp_path, Pretend())
    found.get([Wanted(COLUMN, PAIRS[:8])] * 2)
    assert found.effort == (8, 8 * COLUMN.evaluations, pytest.approx(0.8))


def test_a_clip_s_key_is_of_all_that_it_depends_on() -> None:
    keys = {
        key_of(COLUMN, PAIRS[0]),
        key_of(COLUMN, PAIRS[1]),
        key_of(COLUMN, (PAIRS[0][0], PAIRS[1][1])),
        key("other weights", COLUMN, PAIRS[0]),
        *(
            key_of(other, PAIRS[0])
            for other in (
                replace(COLUMN, gap=0.5),
                replace(COLUMN, mode="implicit"),
                replace(COLUMN, guidance=2.0),
                replace(COLUMN, steps=5),
            )
        ),
    }
    assert len(keys) == 8


@pytest.mark.parametrize(
    "place",
    [
        "shapes.score",
        "shapes.world",
        "shapes.measure",
        "shapes.precision",
        "core.reflection",
        "pipelines.dit_moe.experts",
        "eval.evidence.embedded.ideal",
        "eval.evidence.embedded.memo",
        "eval.evidence.stills.sampler",
        "eval.evidence.stills.prompts",
        "eval.evidence.stills.ways",
        "eval.evidence.video.columns",
        "eval.evidence.video.models",
        "eval.evidence.video.sampler",
    ],
)
def test_the_fingerprint_is_of_all_code_that_a_clip_depends_on(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = Path(str(importlib.import_module(f"w2sd_video.{place}").__file__))
    before, read_bytes = fingerprint.__wrapped__("video"), Path.read_bytes
    assert fingerprint.__wrapped__("video") == before
    monkeypatch.setattr(Path, "read_bytes", lambda path: read_bytes(path) + b" " * (path == file))
    assert fingerprint.__wrapped__("video") != before


@pytest.mark.parametrize("library", ["torch", "diffusers", "transformers"])
def test_the_fingerprint_is_of_the_libraries(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before, known = fingerprint.__wrapped__("video"), store.version
    monkeypatch.setattr(store, "version", lambda name: known(name) + "+" * (name == library))
    assert fingerprint.__wrapped__("video") != before


@pytest.mark.parametrize("evaluations", [1, 16, 17, 48])
def test_equal_evaluations_are_never_fewer(evaluations: int) -> None:
    found = as_dear(lambda steps: replace(COLUMN, steps=steps), evaluations)
    fewer = replace(found, steps=found.steps - 1)
    assert fewer.evaluations < evaluations <= found.evaluations


def test_the_fingerprint_is_of_what_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint.__wrapped__("video")
    monkeypatch.setattr(store, "VERSION", store.VERSION + 1)
    assert fingerprint.__wrapped__("video") != before
