"""The mixture of experts: trained for a few steps, and by its classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from w2sd_video.pipelines.dit_moe import DiTMoEPipeline

from w2sd_video.shapes.clips import Clips, scenes_of
from w2sd_video.shapes.export import export_moe
from w2sd_video.shapes.moe import LABELS, SCENES, MoeRecipe, frames, train_moe
from w2sd_video.shapes.optimize import Stage

from .conftest import DATA, silent


@pytest.mark.slow
def test_train_resume_export_and_sample(data: Path) -> None:
    recipe = MoeRecipe(frames=Stage(steps=2, batch=1, rate=1e-3))
    train_moe(data, recipe, DATA, 1, silent)
    end = (data / "moe.safetensors").stat().st_mtime_ns
    train_moe(data, recipe, DATA, 1, silent)
    assert (data / "moe.safetensors").stat().st_mtime_ns == end
    export_moe(data, data / "weights")
    pipe = DiTMoEPipeline.from_pretrained(data / "weights")
    pipe.set_progress_bar_config(disable=True)
    label = pipe.get_label_ids(["a red ring on a white background"])[0]
    assert SCENES[label].caption == "a red ring on a white background"
    image = pipe(class_labels=[label], num_inference_steps=1, output_type="np").images
    assert image.shape == (1, 64, 64, 3)
    assert sum(f.stat().st_size for f in (data / "weights").rglob("*")) < 15e6


def test_what_is_not_trained_is_not_exported(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"has no checkpoint vae\.safetensors; train"):
        export_moe(tmp_path, tmp_path / "weights")
    assert not [*tmp_path.iterdir()]


def test_a_folder_of_other_files_is_not_replaced(tmp_path: Path) -> None:
    for name in ("vae", "moe"):
        (tmp_path / f"{name}.safetensors").touch()
    thesis = tmp_path / "mine" / "thesis.txt"
    thesis.parent.mkdir()
    thesis.touch()
    for weights in (thesis.parent, tmp_path):
        with pytest.raises(FileExistsError, match="holds other files, which would be lost"):
            export_moe(tmp_path, weights)
    assert thesis.exists()


def test_frames_are_labelled_by_what_they_show() -> None:
    scenes = scenes_of(300, 0)
    clips = Clips(np.zeros((300, 16, 4, 16, 16), np.float16), scenes).of_one_thing()
    assert len(clips.scenes) == 100
    x, labels = frames(clips, np.random.default_rng(0), 7)
    assert x.shape == (7, 4, 16, 16)
    assert all(len(SCENES[int(label)].things) == 1 for label in labels)
    assert len(LABELS) == len(SCENES) == 90
    assert torch.unique(labels).numel() > 1
