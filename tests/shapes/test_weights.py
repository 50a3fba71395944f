"""The shipped models: small, safe, loadable by diffusers, and as good as docs/shapes.md says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from w2sd_video.pipelines.families import reflecting_class

from w2sd_video.render.inference.worker import Worker
from w2sd_video.render.jobs.plan import plan
from w2sd_video.render.settings.layers import Layer
from w2sd_video.render.settings.resolve import read_config
from w2sd_video.shapes import FOLDERS, PIPELINES, WEIGHTS, Kind, load_pipeline
from w2sd_video.shapes.measure import grade_pipeline, grade_vae, held_out_pairs
from w2sd_video.shapes.score import summary

from ..conftest import needs_weights

pytestmark = needs_weights


def test_safetensors_and_nothing_that_runs() -> None:
    files = [f for f in WEIGHTS.rglob("*") if f.is_file()]
    assert {f.suffix for f in files} <= {".safetensors", ".json"}


@pytest.mark.parametrize(
    ("kind", "part", "megabytes"),
    [
        ("video", "", 40),  # all of it: both partners, image and video
        ("dit", "transformer/diffusion_pytorch_model.safetensors", 15),
        ("moe", "", 15),
    ],
)
def test_size(kind: Kind, part: str, megabytes: float) -> None:
    files = [FOLDERS[kind] / part] if part else FOLDERS[kind].rglob("*")
    assert 0 < sum(f.stat().st_size for f in files if f.is_file()) <= megabytes * 1e6


@pytest.mark.parametrize("kind", ["video", "dit"])
def test_the_index_names_stock_classes_only(kind: Kind) -> None:
    index = json.loads((FOLDERS[kind] / "model_index.json").read_text())
    assert index["_class_name"] == PIPELINES[kind]
    assert {entry[0] for entry in index.values() if isinstance(entry, list)} <= {
        "diffusers",
        "transformers",
        None,
    }


def test_reconstructions_are_right() -> None:
    pipe = load_pipeline("video")
    assert summary(grade_vae(pipe.vae, 16))["everything"] == 1.0


@pytest.mark.parametrize("kind", ["video", "dit"])
@pytest.mark.parametrize("weak", [False, True])
def test_a_few_clips_grade_as_measured(kind: Kind, weak: bool) -> None:
    """Eight held-out pairs of one object, 12 steps: a coarse watch over the shipped weights.

    Of many pairs and 25 steps docs/shapes.md tells.
    """
    pipe = load_pipeline(kind, weak=weak)
    pipe.set_progress_bar_config(disable=True)
    pairs = held_out_pairs(1, 8)
    found = summary(
        grade_pipeline(pipe, pairs, kind=kind, guidance_scale=2.5, num_inference_steps=12)
    )
    if weak:
        assert found["everything"] <= 0.5
        assert found["shape"] <= 0.7
    else:
        assert found["everything"] >= (0.9 if kind == "video" else 0.75)  # shapes come last
        assert min(found[name] for name in ("count", "color", "background", "motion")) >= 0.9


def test_the_mixtures_best_experts_are_better_than_its_worst() -> None:
    pipe: Any = load_pipeline("moe")
    pipe.set_progress_bar_config(disable=True)
    gates = reflecting_class(type(pipe)).family.gates(pipe.transformer)

    def all_right(experts: str) -> float:
        for gate in gates:
            gate.experts = experts
        return summary(
            grade_pipeline(pipe, held_out_pairs(1, 16), kind="moe", num_inference_steps=12)
        )["everything"]

    best, worst = all_right("best"), all_right("worst")
    assert best >= 0.6
    assert worst <= best / 2


@pytest.mark.parametrize(
    ("preset", "row"),
    [
        ("shapes", {"prompt": "a red circle moving left on a white background"}),
        ("shapes-dit", {"prompt": "a red circle moving left on a white background"}),
        ("shapes-image", {"prompt": "a red circle moving left on a white background"}),
        ("shapes-moe", {"class_labels": "a red circle on a white background"}),
    ],
)
def test_the_presets_render(preset: str, row: dict[str, Any]) -> None:
    few = Layer({"num_inference_steps": 4}, "few")
    jobs = plan([read_config(preset), few], [Layer(row, "l")], baseline=True).jobs
    reflected, plain = (Worker().render([job], lambda step: None)[0] for job in jobs)
    assert [clip.cost.evaluations for clip in (reflected, plain)] == [job.cost for job in jobs]
    assert reflected.frames.shape == plain.frames.shape
    assert (reflected.frames != plain.frames).any()
