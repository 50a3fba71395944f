"""The mixture's evidence: refused while there are no weights, and the same code with some."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from w2sd_video.eval import evidence
from w2sd_video.eval.evidence.stills import sampler
from w2sd_video.eval.evidence.stills.prompts import class_pairs
from w2sd_video.eval.evidence.stills.ways import Partner, Way
from w2sd_video.eval.evidence.studies import experts
from w2sd_video.pipelines.dit_moe import DiTMoEPipeline
from w2sd_video.pipelines.dit_moe.experts import gates

from w2sd_video import shapes
from w2sd_video.shapes import models, moe

from ....conftest import Call


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A mixture where there are no weights of one yet."""

    def load_pipeline(kind: str, *, weak: bool = False) -> DiTMoEPipeline:
        assert (kind, weak) == ("moe", False)
        torch.manual_seed(0)
        transformer = moe.make_transformer()
        for p in transformer.parameters():  # its last layer begins at zero
            torch.nn.init.normal_(p, std=0.05)
        return DiTMoEPipeline(transformer.eval(), models.make_vae(), models.make_scheduler())

    monkeypatch.setattr(shapes, "load_pipeline", load_pipeline)
    monkeypatch.setitem(shapes.FOLDERS, "moe", tmp_path)
    sampler.pipeline.cache_clear()
    yield
    sampler.pipeline.cache_clear()


def test_it_is_refused_in_one_line_without_weights(
    monkeypatch: pytest.MonkeyPatch, call: Call
) -> None:
    others = {name: of for name, of in evidence.EVIDENCES.items() if name != "experts"}
    monkeypatch.setattr(evidence, "EVIDENCES", others)  # taken out, it would come back at the end
    monkeypatch.setitem(evidence.MISSING, "experts", "moe")
    done = call("evidence", "experts", "--quick")
    assert done.code == 2
    assert done.err.strip() == (
        "error: experts needs weights of the shapes model 'moe', and this version has none; "
        "w2sd-video shapes train FOLDER --model moe makes them"
    )
    assert "experts" not in evidence.chosen(["all"])


def test_it_runs_on_any_mixture(untrained: None) -> None:
    result = experts.run(0, quick=True)
    assert len(result.claims) == 2 * len(experts.HELD)
    without, with_guidance = (dict(table.rows) for table in result.tables)
    assert without["reflected"][0] == "6"
    assert with_guidance["best experts"][0] == "4"


def test_the_weak_model_is_the_same_one_with_its_worst_experts(untrained: None) -> None:
    strong, weak = sampler.pipeline("moe", "strong"), sampler.pipeline("moe", "weak")
    assert {gate.experts for gate in gates(strong.transformer)} == {"best"}
    assert {gate.experts for gate in gates(weak.transformer)} == {"worst"}
    pairs = class_pairs(2, 0)

    def outlines(way: Way) -> list[Any]:
        return [row.values["iou"] for row in sampler.Embedded("moe", "none")(way, pairs)]

    plain = outlines(Way(2, 1.0))
    assert outlines(Way(2, 1.0, model="weak")) != plain
    assert outlines(Way(2, 1.0, partner=Partner(experts=True))) != plain
    assert outlines(Way(2, 1.0)) == plain  # and the strong one is as it was
