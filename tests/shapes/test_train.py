"""Training: all stages on a few steps, resumable to the bit, exported to stock pipelines."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AnimateDiffPipeline, StableDiffusionPipeline
from safetensors.torch import load_file

from w2sd_video.shapes import models, train
from w2sd_video.shapes.clips import FIRST, Clips, scenes_of
from w2sd_video.shapes.denoiser import Denoiser, begin_video
from w2sd_video.shapes.export import export_unet
from w2sd_video.shapes.optimize import step_of
from w2sd_video.shapes.restore import restore_unet
from w2sd_video.shapes.vae import normalize
from w2sd_video.shapes.world import FRAMES

from .conftest import DATA, silent


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("training")
    train.train(folder, DATA, 0.5, 1, silent)
    return folder


@pytest.fixture(scope="module")
def exported(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported") / "weights"
    export_unet(trained, folder)
    return folder


def test_every_stage_leaves_a_checkpoint(trained: Path) -> None:
    found = {str(p.relative_to(trained)) for p in trained.rglob("*.safetensors")}
    stages = {
        f"{who}/{stage}.safetensors" for who in ("strong", "weak") for stage in ("image", "video")
    }
    assert found == stages | {"vae.safetensors"}


def test_an_interrupted_run_ends_where_an_uninterrupted_one_does(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Denoiser.loss
    calls = 0

    def interrupted(self: object, *args: object) -> torch.Tensor:
        nonlocal calls
        calls += 1
        if calls == 14:  # in the second step of the strong model's stage 2
            raise KeyboardInterrupt
        return whole(self, *args)

    # A checkpoint after every step, as if each took minutes.
    clock = iter(range(0, 10**6, 1000))
    monkeypatch.setattr("w2sd_video.shapes.optimize.time.monotonic", lambda: next(clock))
    monkeypatch.setattr(Denoiser, "loss", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train.train(tmp_path, DATA, 0.5, 1, silent)
    assert (tmp_path / "strong" / "video.safetensors").exists()
    monkeypatch.setattr(Denoiser, "loss", whole)
    train.train(tmp_path, DATA, 0.5, 1, silent)
    for file in ("vae", "strong/image", "strong/video", "weak/video"):
        expected = load_file(trained / f"{file}.safetensors")
        got = load_file(tmp_path / f"{file}.safetensors")
        assert expected.keys() == got.keys()
        assert all(torch.equal(expected[k], got[k]) for k in expected), file


def test_the_weak_partner_is_trained_for_fewer_steps() -> None:
    weak = DATA.shortened(0.5)
    assert (weak.image.steps, weak.video.steps, weak.vae.steps) == (2, 2, 4)


def test_a_still_shows_the_side_that_its_caption_tells() -> None:
    """A caption without directions goes with any frame, one with them with the first few."""
    scenes = scenes_of(30, 0)
    moments = np.arange(FRAMES, dtype=np.float32).reshape(1, FRAMES, 1, 1, 1)
    clips = Clips(np.broadcast_to(moments, (30, FRAMES, 1, 1, 1)), scenes)
    frames, captions = clips.stills(np.random.default_rng(0), 30)
    told = torch.tensor(["moving" in caption for caption in captions])
    assert 5 < told.sum() < 25
    assert set(frames[told].flatten().tolist()) == set(range(FIRST))
    assert frames[~told].max() > FIRST


def test_the_video_unet_is_the_image_unet_and_motion_modules() -> None:
    denoiser = Denoiser(DATA, torch.device("cpu"))
    video, _ = begin_video(denoiser, DATA)
    own = {id(p) for p in denoiser.unet.parameters()}
    for name, p in video.named_parameters():
        assert (id(p) in own) != ("motion_modules" in name), name
    assert own <= {id(p) for p in video.parameters()}
    # At the start motion adds nothing: every frame is what the image UNet makes of it.
    x, text = torch.randn(1, 4, 3, 16, 16), torch.randn(3, 32, models.TEXT_WIDTH)
    with torch.no_grad():
        moving = video(x, 500, text).sample[0].transpose(0, 1)
        still = denoiser.unet(x[0].transpose(0, 1), 500, text).sample
    assert torch.allclose(moving, still, atol=1e-5)


@pytest.mark.parametrize("variant", [None, "weak"])
def test_exported_weights_load_in_unmodified_pipelines(exported: Path, variant: str) -> None:
    video = AnimateDiffPipeline.from_pretrained(exported, variant=variant)
    image = StableDiffusionPipeline.from_pretrained(
        exported, variant=variant, safety_checker=None, requires_safety_checker=False
    )
    for pipe in (video, image):
        pipe.set_progress_bar_config(disable=True)
    call = {"prompt": "a red circle", "num_inference_steps": 1, "output_type": "np"}
    assert video(**call).frames.shape == (1, 16, 64, 64, 3)
    assert image(**call).images.shape == (1, 64, 64, 3)


def test_exported_weights_are_the_averaged_ones(trained: Path, exported: Path) -> None:
    averages = load_file(trained / "strong" / "video.safetensors")
    shipped = load_file(exported / "unet" / "diffusion_pytorch_model.safetensors")
    assert {t.dtype for t in shipped.values()} == {torch.float16}
    for key, tensor in shipped.items():
        assert torch.equal(tensor, averages[f"average.0.{key}"].half())


def test_training_goes_on_from_exported_weights(exported: Path, tmp_path: Path) -> None:
    restore_unet(exported, tmp_path / "training")
    assert step_of(tmp_path / "training" / "strong" / "video") == DATA.video.steps
    export_unet(tmp_path / "training", tmp_path / "again")
    for file in exported.rglob("*.safetensors"):
        before = load_file(file)
        after = load_file(tmp_path / "again" / file.relative_to(exported))
        assert all(torch.equal(before[key], after[key]) for key in before), file
    longer = replace(DATA, video=replace(DATA.video, steps=5))
    train.train(tmp_path / "training", longer, 0.5, 1, silent)
    assert step_of(tmp_path / "training" / "strong" / "video") == 5
    with pytest.raises(FileExistsError, match="has checkpoints"):
        restore_unet(exported, tmp_path / "training")


def test_no_training_clip_has_a_held_out_caption(trained: Path) -> None:
    recipe = replace(DATA, clips=300)
    clips = scenes_of(recipe.clips, recipe.seed)
    assert not any(scene.held_out for scene in clips)
    assert sum(len(scene.things) == 1 for scene in clips) == 100


def test_normalizing_latents_changes_no_picture() -> None:
    torch.manual_seed(0)
    vae = models.make_vae().eval()
    frames = torch.rand(8, 3, 64, 64) * 2 - 1
    with torch.no_grad():
        before = vae.encode(frames).latent_dist
        picture = vae.decode(before.mean).sample
        mean, std = before.mean.mean((0, 2, 3)), before.mean.std((0, 2, 3))
        normalize(vae, mean, std)
        after = vae.encode(frames).latent_dist
        assert torch.allclose(vae.decode(after.mean).sample, picture, atol=1e-4)
    assert torch.allclose(after.mean.mean((0, 2, 3)), torch.zeros(4), atol=1e-4)
    assert torch.allclose(after.mean.std((0, 2, 3)), torch.ones(4), atol=1e-4)
    shape = (1, 4, 1, 1)
    assert torch.allclose(after.std, before.std / std.view(shape), rtol=1e-4)
