"""Stock sampling, saving and loading."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    DiffusionPipeline,
    DiTPipeline,
    DPMSolverMultistepScheduler,
)
from w2sd_video.pipelines.dit_moe import DiTMoEPipeline, DiTMoETransformer2DModel, gates

from .reference import tiny

LABELS = {0: "cat, kitty", 1: "dog"}


def pipeline(cls: type[DiTPipeline] = DiTMoEPipeline, **changes: object) -> DiTPipeline:
    transformer = tiny(**changes)
    torch.manual_seed(0)
    vae = AutoencoderKL(
        block_out_channels=(8,),
        down_block_types=("DownEncoderBlock2D",),
        up_block_types=("UpDecoderBlock2D",),
        latent_channels=4,
        norm_num_groups=4,
    ).eval()
    return quiet(cls(transformer, vae, DDIMScheduler(clip_sample=False), id2label=LABELS))


def quiet(pipe: DiTPipeline) -> DiTPipeline:
    pipe.set_progress_bar_config(disable=True)
    return pipe


def sample(pipe: DiTPipeline, **changes: object) -> torch.Tensor:
    arguments = {
        "class_labels": [1, 7],
        "num_inference_steps": 3,
        "generator": torch.Generator().manual_seed(0),
        "output_type": "pt",
        **changes,
    }
    return pipe(**arguments).images


def test_stock_sampling() -> None:
    pipe = pipeline()
    guided = sample(pipe)
    assert guided.shape == (2, 3, 8, 8)
    assert torch.equal(sample(pipeline(DiTPipeline)), guided)
    assert not torch.equal(sample(pipe, guidance_scale=1.0), guided)
    for gate in gates(pipe.transformer):
        gate.experts = "worst"
    assert not torch.allclose(sample(pipe), guided, atol=1e-3)


def test_without_a_predicted_variance_and_as_a_flow() -> None:
    pipe = pipeline(out_channels=4, timestep_scale=1e-3)
    pipe.scheduler = DPMSolverMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True
    )
    assert sample(pipe).isfinite().all()
    assert 0 < pipe.scheduler.timesteps[-1] < pipe.scheduler.timesteps[0] <= 1000


@pytest.mark.parametrize("cls", [DiTMoEPipeline, DiffusionPipeline, DiTPipeline])
def test_saved_and_loaded(cls: type[DiffusionPipeline], tmp_path: Path) -> None:
    pipe = pipeline()
    pipe.save_pretrained(tmp_path)
    assert type(pipe) is DiTMoEPipeline
    index = json.loads((tmp_path / "model_index.json").read_text())
    assert index["_class_name"] == "DiTPipeline"
    # Diffusers looks the class up in this module, which must be imported and is public for it.
    module = "w2sd_video.pipelines.dit_moe.transformer"
    assert index["transformer"] == [module, "DiTMoETransformer2DModel"]
    again = quiet(cls.from_pretrained(tmp_path))
    assert type(again) is (DiTMoEPipeline if cls is DiTMoEPipeline else DiTPipeline)
    assert type(again.transformer) is DiTMoETransformer2DModel
    assert again.get_label_ids(["kitty", "dog"]) == [0, 1]
    assert torch.equal(sample(again), sample(pipe))
    # A part that is given is checked against the same module.
    given = cls.from_pretrained(tmp_path, transformer=pipe.transformer)
    assert given.transformer is pipe.transformer
    # The stock class writes the same folder, except for the labels.
    again.save_pretrained(tmp_path / "again")
    assert torch.equal(sample(quiet(cls.from_pretrained(tmp_path / "again"))), sample(pipe))


def test_without_labels(tmp_path: Path) -> None:
    parts = pipeline().components
    pipe = DiTMoEPipeline(**parts)
    pipe.save_pretrained(tmp_path)
    assert quiet(DiTMoEPipeline.from_pretrained(tmp_path)).labels == {}


def test_half_precision(tmp_path: Path) -> None:
    pipeline().save_pretrained(tmp_path)
    pipe = quiet(DiTMoEPipeline.from_pretrained(tmp_path, torch_dtype=torch.bfloat16))
    assert pipe.transformer.dtype == torch.bfloat16
    assert sample(pipe).isfinite().all()
