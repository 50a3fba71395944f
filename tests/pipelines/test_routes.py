"""Ways into a reflecting pipeline: nothing is copied, cast or lost on them."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import (
    AnimateDiffPipeline,
    DiffusionPipeline,
    StableDiffusionPipeline,
    WanPipeline,
)
from diffusers.hooks import apply_group_offloading
from w2sd_video.pipelines import (
    AnimateDiffW2SDPipeline,
    UnsupportedSide,
    WanW2SDPipeline,
    as_reflecting,
    load_denoiser,
    reflect,
)

from w2sd_video import Reflection, Side

from .. import tiny
from .animatediff import add_lora, frames
from .differences import another

WEAK = Reflection(weak=Side(guidance_scale=1.0))


def parameters(pipe: Any) -> dict[str, tuple[int, torch.dtype]]:
    return {
        f"{part}.{name}": (p.data_ptr(), p.dtype)
        for part, module in pipe.components.items()
        if isinstance(module, torch.nn.Module)
        for name, p in module.named_parameters()
    }


def test_a_loaded_pipeline_keeps_adapters_free_noise_offload_and_dtypes() -> None:
    pipe = tiny.animatediff()
    pipe.enable_free_noise(context_length=2)
    add_lora(pipe.unet)
    pipe.text_encoder.double()
    pipe.text_encoder.float()
    pipe.vae.to(torch.bfloat16)
    cpu = torch.device("cpu")
    apply_group_offloading(
        pipe.unet, onload_device=cpu, offload_device=cpu, offload_type="leaf_level"
    )
    before, expected = parameters(pipe), frames(pipe, num_frames=4)
    hooks = [m for m in pipe.unet.modules() if hasattr(m, "_diffusers_hook")]
    assert hooks
    same = as_reflecting(pipe)
    assert same is pipe
    assert type(pipe) is AnimateDiffW2SDPipeline
    assert parameters(pipe) == before
    assert torch.equal(frames(pipe, num_frames=4), expected)
    assert pipe.free_noise_enabled
    assert [m for m in pipe.unet.modules() if hasattr(m, "_diffusers_hook")] == hooks
    lora = Reflection(weak=Side(adapters={"art": -1.0}, guidance_scale=1.0))
    reflected = frames(pipe, num_frames=4, reflection=lora)
    assert torch.isfinite(reflected).all()
    assert not torch.equal(reflected, expected)
    assert torch.equal(frames(pipe, num_frames=4), expected)


def test_a_loaded_pipeline_keeps_the_hooks_of_model_offload() -> None:
    pipe = tiny.animatediff()
    expected = frames(tiny.animatediff(AnimateDiffW2SDPipeline), reflection=WEAK)
    pipe.enable_model_cpu_offload(device="cpu")
    hooks = {name: pipe.components[name]._hf_hook for name in ("text_encoder", "unet", "vae")}
    loaded: list[object] = []
    hooks["unet"].pre_forward = _told(hooks["unet"].pre_forward, loaded)
    assert as_reflecting(pipe) is pipe
    assert {name: pipe.components[name]._hf_hook for name in hooks} == hooks
    assert torch.equal(frames(pipe, reflection=WEAK), expected)
    assert len(loaded) == 3 * 4  # denoiser calls


def _told(function: Any, calls: list[object]) -> Any:
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        calls.append(function)
        return function(*args, **kwargs)

    return wrapped


def test_turning_twice_is_turning_once() -> None:
    pipe = as_reflecting(as_reflecting(tiny.animatediff()))
    assert type(pipe) is AnimateDiffW2SDPipeline


class Own(WanPipeline):
    """Somebody's own: it hands on what it is given, and changes what comes back."""

    def __call__(self, *args: Any, brightness: float = 0.5, **kwargs: Any) -> Any:
        kwargs.setdefault("guidance_scale", 1.0)
        out = super().__call__(*args, **kwargs)
        out.frames = out.frames * brightness
        return out

    def check_inputs(self, prompt: Any, *args: Any, **kwargs: Any) -> None:
        assert prompt != "forbidden"
        super().check_inputs(prompt, *args, **kwargs)


def test_a_class_of_ones_own_reflects_and_keeps_what_it_has() -> None:
    family = tiny.FAMILIES["WanPipeline"]
    call = family.call(generator=torch.manual_seed(0)) | {"return_dict": True}
    del call["guidance_scale"]
    prompt = call.pop(family.prompt)

    def run(pipe: Any, **more: Any) -> torch.Tensor:
        return torch.as_tensor(
            pipe(prompt, **call | {"generator": torch.manual_seed(0)}, **more)[0]
        )

    stock = family.make(Own)
    plain, dark = run(stock), run(stock, brightness=0.0)
    assert not dark.any()
    with reflect(stock, WEAK) as counts:
        reflected = run(stock)
    pipe = as_reflecting(family.make(Own))
    assert isinstance(pipe, (WanW2SDPipeline, Own))
    assert type(pipe).__name__ == "OwnW2SDPipeline"
    assert torch.equal(run(pipe), plain)
    assert pipe.run.evaluations == pipe.run.steps  # without guidance, as it chooses
    assert torch.equal(run(pipe, reflection=WEAK), reflected)
    assert not run(pipe, reflection=WEAK, brightness=0.0).any()
    assert pipe.run.evaluations == counts.evaluations
    with pytest.raises(AssertionError):
        pipe("forbidden", reflection=WEAK)
    with pytest.raises(TypeError, match="or one by name as well; pass them by name"):
        pipe(prompt, **call, prompt=prompt)
    assert as_reflecting(pipe) is pipe
    assert type(pipe).__name__ == "OwnW2SDPipeline"


def test_from_pipe_shares_parts_and_keeps_dtypes() -> None:
    family = tiny.FAMILIES["WanPipeline-2.2"]
    stock = family.make(dtype=torch.bfloat16)
    pipe = WanW2SDPipeline.from_pipe(stock)
    pipe.set_progress_bar_config(disable=True)
    assert parameters(pipe) == parameters(stock)
    assert torch.equal(family.run(pipe), family.run(stock))


def test_custom_pipeline(tmp_path: Path) -> None:
    family = tiny.FAMILIES["WanPipeline-2.2"]
    name = family.stock.__name__.replace("Pipeline", "W2SDPipeline")
    family.make().save_pretrained(tmp_path / "model")
    (tmp_path / "plugin").mkdir()
    (tmp_path / "plugin" / "pipeline.py").write_text(f"from w2sd_video.pipelines import {name}\n")
    pipe = DiffusionPipeline.from_pretrained(
        tmp_path / "model", custom_pipeline=str(tmp_path / "plugin"), trust_remote_code=True
    )
    assert type(pipe).__name__ == name
    pipe.set_progress_bar_config(disable=True)
    reflected = family.run(pipe, reflection=WEAK)
    assert torch.allclose(
        reflected, family.run(as_reflecting(family.make()), reflection=WEAK), atol=1e-3
    )


def test_two_transformers_are_loaded_and_shared(tmp_path: Path) -> None:
    family = tiny.FAMILIES["WanPipeline-2.2"]
    pipe = family.make(WanW2SDPipeline)
    other = family.make()
    other.transformer = another(other.transformer)
    other.save_pretrained(tmp_path)
    high, low = load_denoiser(pipe, tmp_path)
    assert {p.data_ptr() for p in low.parameters()} == {
        p.data_ptr() for p in pipe.transformer_2.parameters()
    }
    family.run(pipe, reflection=Reflection(weak=Side(denoiser=(high, low))))
    with pytest.raises(
        UnsupportedSide, match=r"2 denoisers \(transformer, transformer_2\), the side"
    ):
        family.run(pipe, reflection=Reflection(weak=Side(denoiser=high)))


def test_pickled_weights_are_not_loaded(tmp_path: Path) -> None:
    pipe = tiny.animatediff(AnimateDiffW2SDPipeline)
    pipe.save_pretrained(tmp_path, safe_serialization=False)
    with pytest.raises(OSError, match="safetensors"):
        load_denoiser(pipe, tmp_path)
    assert load_denoiser(pipe, tmp_path, use_safetensors=False) is not None


def test_a_denoiser_compiled_in_place() -> None:
    pipe = tiny.animatediff(AnimateDiffW2SDPipeline)
    expected = frames(pipe, reflection=WEAK)
    pipe.unet.compile(backend="eager")
    assert torch.allclose(frames(pipe, reflection=WEAK), expected, atol=1e-3)
    assert pipe.run.evaluations == WEAK.cost(5.0, 4)


def test_a_deep_copy_of_a_reflecting_pipeline() -> None:
    pipe = as_reflecting(tiny.animatediff())
    twin = copy.deepcopy(pipe)
    assert torch.equal(frames(twin, reflection=WEAK), frames(pipe, reflection=WEAK))
    assert isinstance(twin, AnimateDiffPipeline)


class WithoutBar(StableDiffusionPipeline):
    """A loop of its own, as somebody may write it."""

    @torch.no_grad()
    def __call__(self, guidance_scale: float = 1.0, steps: int = 2) -> torch.Tensor:
        self.scheduler.set_timesteps(steps)
        x, text = torch.ones(1, 4, 8, 8), torch.zeros(1, 4, 16)
        for t in self.scheduler.timesteps:
            out = self.unet(x, t, encoder_hidden_states=text).sample
            x = self.scheduler.step(out, t, x).prev_sample
        return x


def test_a_loop_without_a_progress_bar_is_refused() -> None:
    pipe = tiny.stable_diffusion(WithoutBar)
    before = pipe()
    with reflect(pipe, WEAK), pytest.raises(RuntimeError, match="without opening its progress_bar"):
        pipe()
    assert torch.equal(pipe(), before)
