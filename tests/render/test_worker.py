"""Loading what configurations name: adapters, motion modules, other denoisers."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from diffusers import AnimateDiffPipeline, UNetMotionModel
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict

from w2sd_video.render.config import Adapter, Model, ModelRef
from w2sd_video.render.worker import load_denoiser, load_pipeline

from .. import tiny as make


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image pipeline, a motion adapter and a LoRA, each in a folder of its own."""
    folder = tmp_path_factory.mktemp("parts")
    image = make.stable_diffusion()
    image.save_pretrained(folder / "image")
    make.motion_adapter().save_pretrained(folder / "motion")
    video = make.animatediff()
    video.unet.add_adapter(LoraConfig(r=2, target_modules=["to_q"], init_lora_weights=False))
    layers = get_peft_model_state_dict(video.unet)
    AnimateDiffPipeline.save_lora_weights(folder / "lora", unet_lora_layers=layers)
    return folder


def test_an_image_model_gets_a_motion_adapter(parts: Path) -> None:
    motion = ModelRef(id=str(parts / "motion"))
    pipe = load_pipeline(Model(id=str(parts / "image"), motion_adapter=motion, dtype="float16"))
    assert isinstance(pipe, AnimateDiffPipeline)
    assert isinstance(pipe.unet, UNetMotionModel)
    assert pipe.unet.dtype == pipe.vae.dtype == torch.float16


def test_loras_are_loaded_at_their_scale(tiny: Path, parts: Path) -> None:
    lora = Adapter(path=str(parts / "lora"), scale=0.25)
    pipe = load_pipeline(Model(id=str(tiny), adapters={"style": lora}))
    scales = {m.scaling["style"] for m in pipe.unet.modules() if hasattr(m, "lora_A")}
    assert scales == {0.25}
    assert pipe.get_active_adapters() == ["style"]


@pytest.mark.parametrize("where", ["image", "image/unet"])
def test_an_image_denoiser_gets_the_motion_modules(tiny: Path, parts: Path, where: str) -> None:
    pipe = load_pipeline(Model(id=str(tiny)))
    denoiser = load_denoiser(ModelRef(id=str(parts / where)), pipe)
    assert isinstance(denoiser, UNetMotionModel)
    own, loaded = pipe.unet.state_dict(), denoiser.state_dict()
    assert all(torch.equal(own[k], loaded[k]) for k in own if "motion_modules" in k)


def test_pickled_weights_are_refused(tiny: Path, tmp_path: Path) -> None:
    pipe = load_pipeline(Model(id=str(tiny)))
    pipe.save_pretrained(tmp_path, safe_serialization=False)
    with pytest.raises((OSError, ValueError)):
        load_pipeline(Model(id=str(tmp_path)))
