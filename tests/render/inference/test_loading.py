"""Loading what configurations name, from safetensors unless told otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from diffusers import AnimateDiffPipeline, UNetMotionModel
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from safetensors.torch import load_file
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from w2sd_video.render.errors import InputError
from w2sd_video.render.inference.loading import load_denoiser, load_pipeline
from w2sd_video.render.settings.config import Adapter, IPAdapter, Model, ModelRef
from w2sd_video.render.settings.layers import Layer
from w2sd_video.render.settings.resolve import resolve

from ... import tiny as make
from ...tiny.parts import VISION, WIDTH
from ...tiny.unet import controlnet


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


def test_an_embedded_model_takes_another_denoiser_and_dtypes() -> None:
    """Its clips' ids tell of them."""
    reference = ModelRef(id="shapes/weak")
    dtype = {"default": "bfloat16", "vae": "float32"}
    pipe = load_pipeline(Model(id="shapes", denoiser=reference, dtype=dtype))
    weak = load_pipeline(Model(id="shapes/weak")).unet.to(torch.bfloat16)
    assert all(map(torch.equal, pipe.unet.parameters(), weak.parameters()))
    assert (pipe.unet.dtype, pipe.text_encoder.dtype, pipe.vae.dtype) == (
        torch.bfloat16, torch.bfloat16, torch.float32,
    )  # fmt: skip


def test_a_part_that_the_pipeline_has_no_place_for(parts: Path) -> None:
    motion = ModelRef(id=str(parts / "motion"))
    model = Model(
        id=str(parts / "image"), pipeline="StableDiffusionPipeline", motion_adapter=motion
    )
    with pytest.raises(InputError, match="motion_adapter: StableDiffusionPipeline takes none"):
        load_pipeline(model)


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
    denoiser = load_denoiser(ModelRef(id=str(parts / where)), pipe, Model(id=str(tiny)))
    assert isinstance(denoiser, UNetMotionModel)
    own, loaded = pipe.unet.state_dict(), denoiser.state_dict()
    assert all(torch.equal(own[k], loaded[k]) for k in own if "motion_modules" in k)


def test_another_denoiser_for_good(parts: Path) -> None:
    other = parts / "other"
    if not other.exists():
        make.unet(seed=5).save_pretrained(other)
    motion = ModelRef(id=str(parts / "motion"))
    model = Model(id=str(parts / "image"), motion_adapter=motion, denoiser=ModelRef(id=str(other)))
    pipe = load_pipeline(model)
    assert isinstance(pipe.unet, UNetMotionModel)
    assert torch.equal(pipe.unet.conv_in.weight, make.unet(seed=5).conv_in.weight)


def test_motion_and_controlnet_make_another_pipeline(parts: Path) -> None:
    if not (parts / "net").exists():
        controlnet().save_pretrained(parts / "net")
    net, motion = (ModelRef(id=str(parts / name)) for name in ("net", "motion"))
    model = Model(id=str(parts / "image"), motion_adapter=motion, controlnet=net)
    assert type(load_pipeline(model)).__name__ == "AnimateDiffControlNetPipeline"
    model = Model(id=str(parts / "image"), controlnet=net)
    assert type(load_pipeline(model)).__name__ == "StableDiffusionControlNetPipeline"


@pytest.fixture(scope="module")
def pickled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders that hold no weights but pickles, except for an IP-Adapter's image encoder."""
    folder = tmp_path_factory.mktemp("pickled")
    make.stable_diffusion().save_pretrained(folder / "image", safe_serialization=False)
    make.motion_adapter().save_pretrained(folder / "motion", safe_serialization=False)
    video = make.animatediff()
    video.unet.add_adapter(LoraConfig(r=2, target_modules=["to_q"], init_lora_weights=False))
    layers = get_peft_model_state_dict(video.unet)
    AnimateDiffPipeline.save_lora_weights(
        folder / "lora", unet_lora_layers=layers, safe_serialization=False
    )
    for file in folder.rglob("*.safetensors"):  # transformers writes no others
        torch.save(load_file(file), file.with_name("pytorch_model.bin"))
        file.unlink()
    encoder = CLIPVisionModelWithProjection(CLIPVisionConfig(**VISION, projection_dim=WIDTH))
    encoder.save_pretrained(folder / "ip" / "image_encoder")
    torch.save({"image_proj": {}, "ip_adapter": {}}, folder / "ip" / "ip.bin")
    return folder


def refused(settings: dict) -> str:
    with pytest.raises(InputError) as wrong:
        resolve([Layer(settings, "f")])
    return str(wrong.value)


def test_pickles_are_refused_by_the_key_that_allows_them(tiny: Path, pickled: Path) -> None:
    image, motion, lora = (str(pickled / name) for name in ("image", "motion", "lora"))
    advice = (
        "which can run code when they are loaded; if you trust them, set model.allow_pickle: true"
    )
    cases = {
        "model.id: '{image}' has pickled weights (text_encoder/pytorch_model.bin)": {"id": image},
        "model.motion_adapter.id: '{motion}' has pickled weights (diffusion_pytorch_model.bin)": {
            "id": str(tiny),
            "motion_adapter": motion,
        },
        "model.controlnet.id: '{motion}' has pickled weights (diffusion_pytorch_model.bin)": {
            "id": str(tiny),
            "controlnet": motion,
        },
        "model.denoiser.id: '{image}' has pickled weights (unet/diffusion_pytorch_model.bin)": {
            "id": str(tiny),
            "denoiser": image,
        },
        "model.adapters.a.path: '{lora}' has pickled weights (pytorch_lora_weights.bin)": {
            "id": str(tiny),
            "adapters": {"a": {"path": lora}},
        },
        "model.ip_adapter.path: 'o/m' has pickled weights (ip.bin)": {
            "id": str(tiny),
            "ip_adapter": {"path": "o/m", "weight_name": "ip.bin"},
        },
    }
    for said, model in cases.items():
        said = said.format(image=image, motion=motion, lora=lora)
        assert refused({"model": model}) == f"f: {said}, {advice}"
        resolve([Layer({"model": {**model, "allow_pickle": True}}, "f")])
    weak = {"reflection": {"weak": {"denoiser": image}}}
    said = f"f: reflection.weak.denoiser.id: '{image}' has pickled weights (unet/diffusion"
    assert refused({"model": str(tiny), **weak}).startswith(said)


def test_loading_refuses_pickles_itself(tiny: Path, pickled: Path) -> None:
    """For a hub id nothing is known before."""
    ref, image = (ModelRef(id=str(pickled / name)) for name in ("motion", "image"))
    ip_adapter = IPAdapter(path=str(pickled / "ip"), weight_name="ip.bin")
    lora = Adapter(path=str(pickled / "lora"))
    for model, key in (
        (Model(id=image.id), "model.id"),
        (Model(id=str(tiny), motion_adapter=ref), "model.motion_adapter"),
        (Model(id=str(tiny), controlnet=ref), "model.controlnet"),
        (Model(id=str(tiny), denoiser=image), "model.denoiser"),
        (Model(id=str(tiny), ip_adapter=ip_adapter), "model.ip_adapter"),
        (Model(id=str(tiny), adapters={"a": lora}), "model.adapters.a"),
    ):
        with pytest.raises(InputError, match=r"model\.allow_pickle is true") as wrong:
            load_pipeline(model)
        assert wrong.value.key == key
    model = Model(id=str(tiny))
    with pytest.raises(InputError, match=r"model\.allow_pickle is true"):
        load_denoiser(image, load_pipeline(model), model)


def test_pickles_that_are_allowed(pickled: Path, parts: Path) -> None:
    motion, lora = ModelRef(id=str(pickled / "motion")), Adapter(path=str(pickled / "lora"))
    model = Model(
        id=str(pickled / "image"), motion_adapter=motion, adapters={"a": lora}, allow_pickle=True
    )
    pipe = load_pipeline(model)
    assert pipe.get_active_adapters() == ["a"]
    own = load_pipeline(
        Model(id=str(parts / "image"), motion_adapter=ModelRef(id=motion.id), allow_pickle=True)
    )
    assert torch.equal(pipe.vae.encoder.conv_in.weight, own.vae.encoder.conv_in.weight)
    other = load_denoiser(ModelRef(id=str(pickled / "image")), pipe, model)
    assert isinstance(other, UNetMotionModel)


def test_a_dtype_for_each_component(tiny: Path) -> None:
    dtype = {"default": "bfloat16", "vae": "float32"}
    pipe = load_pipeline(Model(id=str(tiny), dtype=dtype))
    assert (pipe.unet.dtype, pipe.vae.dtype) == (torch.bfloat16, torch.float32)


def test_channels_last(tiny: Path) -> None:
    model = Model(id=str(tiny), channels_last=True)
    pipe = load_pipeline(model)
    other = load_denoiser(ModelRef(id=str(tiny)), pipe, model)
    for module in (pipe.unet, pipe.vae, other):
        kernels = [p for p in module.parameters() if p.ndim == 4 and min(p.shape[1:3]) > 1]
        assert kernels
        assert all(p.is_contiguous(memory_format=torch.channels_last) for p in kernels)
    assert other.conv_in.weight.data_ptr() == pipe.unet.conv_in.weight.data_ptr()  # still shared
