"""What goes on around a call: saving, batches, callbacks, progress, errors, other features."""

from __future__ import annotations

import copy
import gc
import weakref
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
from diffusers import AnimateDiffPipeline
from peft import LoraConfig
from peft.tuners.lora import LoraLayer
from w2sd_video.pipelines import (
    AnimateDiffW2SDPipeline,
    UnsupportedSide,
    as_reflecting,
    load_denoiser,
)
from w2sd_video.pipelines.animatediff import with_motion_of

from w2sd_video import Reflection, Side, reflect
from w2sd_video.core.evaluation import Run
from w2sd_video.core.session import Session

from .. import tiny
from .animatediff import GUIDANCE, add_lora, frames
from .state import state_of


def test_save_and_load_with_diffusers_and_back(pipe: object, tmp_path: Path) -> None:
    pipe.save_pretrained(tmp_path)
    expected = frames(pipe)
    reflection = Reflection(weak=GUIDANCE)
    reflected = frames(pipe, reflection=reflection)
    for cls in (diffusers.DiffusionPipeline, AnimateDiffPipeline, AnimateDiffW2SDPipeline):
        again = cls.from_pretrained(tmp_path)
        again.set_progress_bar_config(disable=True)
        assert torch.equal(frames(again), expected)
    assert torch.equal(frames(again, reflection=reflection), reflected)


def test_saving_during_a_call_keeps_the_facade_out(pipe: object, tmp_path: Path) -> None:
    def save(pipe: object, step: int, t: object, tensors: dict[str, object]) -> dict[str, object]:
        pipe.scheduler.save_pretrained(tmp_path)
        return {}

    frames(pipe, reflection=Reflection(weak=GUIDANCE), callback_on_step_end=save)
    assert "DDIMScheduler" in (tmp_path / "scheduler_config.json").read_text()


def test_from_pipe_shares_and_does_not_cast(stock: object) -> None:
    half = copy.deepcopy(stock).to(torch.bfloat16)
    pipe = AnimateDiffW2SDPipeline.from_pipe(half)
    assert pipe.unet is half.unet
    assert pipe.dtype == half.dtype == torch.bfloat16


def test_reflect_equals_the_subclass(stock: object, pipe: object) -> None:
    reflection = Reflection(weak=GUIDANCE, steps=0.5)
    with reflect(stock, reflection) as run:
        clip = frames(stock)
        frames(stock)
    assert torch.equal(clip, frames(pipe, reflection=reflection))
    assert run.evaluations == 2 * pipe.run.evaluations
    assert type(stock) is AnimateDiffPipeline


def test_generators_and_batches(pipe: object) -> None:
    reflection = Reflection(weak=GUIDANCE)
    prompts = ["a red circle", "a blue ring"]

    def seeded(*seeds: int) -> list[torch.Generator]:
        return [torch.Generator().manual_seed(s) for s in seeds]

    both = frames(pipe, prompt=prompts, generator=seeded(1, 2), reflection=reflection)
    assert pipe.run.evaluations == 2 * reflection.cost(5.0, 4)
    for i, prompt in enumerate(prompts):
        one = frames(pipe, prompt=[prompt], generator=seeded(i + 1), reflection=reflection)
        assert torch.allclose(both[i : i + 1], one, atol=1e-4 * float(one.abs().max()))


def test_half_precision_stays_near(pipe: object, stock: object) -> None:
    reflection = Reflection(weak=GUIDANCE)
    exact = frames(pipe, reflection=reflection)
    half = frames(copy.deepcopy(pipe).to(torch.bfloat16), reflection=reflection).float()
    assert (half - exact).abs().mean() < 0.1 * exact.abs().mean()


def test_callback_and_progress_once_a_step(pipe: object, capfd: pytest.CaptureFixture[str]) -> None:
    seen = []

    def on_step(pipe: object, i: int, t: object, tensors: dict[str, torch.Tensor]) -> dict:
        seen.append((i, int(t), pipe.num_timesteps, sorted(tensors)))
        return {}

    pipe.set_progress_bar_config(disable=False)
    frames(pipe, reflection=Reflection(weak=GUIDANCE, steps=2), callback_on_step_end=on_step)
    times = tiny.ddim()
    times.set_timesteps(4)
    assert seen == [(i, int(t), 4, ["latents"]) for i, t in enumerate(times.timesteps)]
    bar = capfd.readouterr().err
    assert "4/4" in bar
    assert "evaluations=14" in bar


def test_a_callback_can_change_the_latents(pipe: object) -> None:
    def zero(pipe: object, i: int, t: object, tensors: dict[str, torch.Tensor]) -> dict:
        return {"latents": tensors["latents"] * 0} if i == 3 else {}

    clip = frames(pipe, reflection=Reflection(weak=GUIDANCE), callback_on_step_end=zero)
    assert clip.abs().max() == 0


@pytest.mark.parametrize("where", ["denoiser", "callback"])
def test_an_exception_leaves_the_pipeline_as_it_was(pipe: object, where: str) -> None:
    add_lora(pipe.unet)
    before = state_of(pipe)
    expected = frames(pipe)
    calls = 0

    def fail(*args: object) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:  # in the denoiser, that is the weak stage
            raise KeyError("on purpose")
        return {} if where == "callback" else None

    weak = Side(adapters={"art": -1.0}, guidance_scale=1.0, denoiser=None)
    extra = {"callback_on_step_end": fail} if where == "callback" else {}
    hook = pipe.unet.register_forward_hook(fail) if where == "denoiser" else None
    with pytest.raises(KeyError, match="on purpose"):
        frames(pipe, reflection=Reflection(weak=weak), **extra)
    if hook:
        hook.remove()
    assert state_of(pipe) == before
    assert torch.equal(frames(pipe), expected)


def test_a_failing_call_under_reflect_restores_the_class(stock: object) -> None:
    before = state_of(stock)
    with pytest.raises(ValueError, match="prompt"), reflect(stock, Reflection(weak=GUIDANCE)):
        frames(stock, prompt=None)
    assert state_of(stock) == before


def test_free_init_runs(pipe: object) -> None:
    pipe.enable_free_init(num_iters=2)
    reflection = Reflection(weak=GUIDANCE)
    frames(pipe, reflection=reflection)
    assert pipe.run.evaluations == 2 * reflection.cost(5.0, 4)
    cached = Reflection(weak=GUIDANCE, mode="cached")
    frames(pipe, reflection=cached)
    assert (pipe.run.steps, pipe.run.evaluations) == (8, 2 * cached.cost(5.0, 4))


@pytest.mark.parametrize(
    "scheduler",
    [
        "EulerDiscreteScheduler",
        "EulerAncestralDiscreteScheduler",
        "DPMSolverMultistepScheduler",
        "UniPCMultistepScheduler",
        "DEISMultistepScheduler",
    ],
)
def test_schedulers(stock: object, pipe: object, scheduler: str) -> None:
    for p in (stock, pipe):
        p.scheduler = getattr(diffusers, scheduler).from_config(tiny.ddim().config)
    try:
        twin = copy.deepcopy(pipe.unet)
        equal = frames(pipe, reflection=Reflection(weak=Side(denoiser=twin), mode="implicit"))
        assert torch.equal(equal, frames(stock))
        clip = frames(pipe, reflection=Reflection(weak=GUIDANCE))
        assert torch.isfinite(clip).all()
    finally:
        stock.scheduler = tiny.ddim()


def test_a_callback_may_change_adapters(stock: object, pipe: object) -> None:
    def fade(pipe: object, i: int, t: object, tensors: object) -> dict[str, object]:
        pipe.unet.set_adapters(["art"], [0.2])
        return {}

    clips = []
    for p, reflection in (
        (stock, None),
        (pipe, None),
        (pipe, Reflection(weak=Side(adapters={"art": -1.0}), gap=0.0)),
    ):
        p.unet = tiny.animatediff().unet
        add_lora(p.unet)
        clips.append(
            frames(p, callback_on_step_end=fade, reflection=reflection)
            if reflection
            else frames(p, callback_on_step_end=fade)
        )
        assert {m.scaling["art"] for m in p.unet.modules() if isinstance(m, LoraLayer)} == {0.2}
    stock.unet = tiny.animatediff().unet
    assert torch.equal(clips[0], clips[1])
    assert (clips[2] - clips[0]).abs().max() <= 1e-5


def test_a_lora_on_the_motion_modules(pipe: object, tmp_path: Path) -> None:
    targets = r".*motion_modules.*to_q"
    pipe.unet.add_adapter(LoraConfig(r=2, target_modules=targets), adapter_name="move")
    tiny.unet(seed=5).save_pretrained(tmp_path / "unet")
    weak = load_denoiser(pipe, tmp_path)
    own = dict(pipe.unet.named_parameters())
    for name, p in weak.named_parameters():
        if name.endswith("to_q.weight") and "motion_modules" in name:
            assert p.data_ptr() == own[name.replace(".weight", ".base_layer.weight")].data_ptr()
    frames(pipe, reflection=Reflection(weak=Side(denoiser=weak)))


def test_an_image_unet_is_converted_once(pipe: object) -> None:
    image = tiny.unet(seed=5)
    reflection = Reflection(weak=Side(denoiser=image))
    frames(pipe, reflection=reflection)
    made = [with_motion_of(pipe, image) for _ in range(2)]
    assert made[0] is made[1]


def test_an_image_unet_is_converted_anew_where_it_or_the_pipeline_is_another(pipe: Any) -> None:
    image = tiny.unet(seed=5)
    reflection = Reflection(weak=Side(denoiser=image))
    first = frames(pipe, reflection=reflection)
    for parameter in image.parameters():
        parameter.data = 0.5 * parameter.data
    assert not torch.equal(frames(pipe, reflection=reflection), first)
    pipe.to(torch.bfloat16)
    assert frames(pipe, reflection=reflection).isfinite().all()


def test_strength_that_leaves_no_step_is_the_plain_pipeline_s_with_a_side_s_prompt_too() -> None:
    family = tiny.FAMILIES["AnimateDiffVideoToVideoPipeline"]
    pipe = as_reflecting(family.make())
    call = {"steps": 3, "strength": 0.2}
    reflection = Reflection(weak=Side(prompt="a ring"))
    assert family.run(pipe, **call, reflection=reflection).shape == family.run(pipe, **call).shape
    assert pipe.run.evaluations == 0


def test_an_image_unet_with_a_lora(pipe: Any) -> None:
    image = tiny.unet(seed=5)
    frames(pipe, reflection=Reflection(weak=Side(denoiser=image)))
    add_lora(image)
    with pytest.raises(UnsupportedSide, match="the LoRA into what that returns"):
        frames(pipe, reflection=Reflection(weak=Side(denoiser=image)))


def test_a_call_leaves_no_reference_behind(pipe: object) -> None:
    gc.collect()
    gc.disable()
    try:
        session = weakref.ref(Session(pipe, None, None, {}, Run()))
        assert session() is None
        weak = copy.deepcopy(pipe.unet)
        alive = weakref.ref(weak)
        frames(pipe, reflection=Reflection(weak=Side(denoiser=weak)))
        del weak
        assert alive() is None
    finally:
        gc.enable()


def test_a_compiled_denoiser(stock: object, pipe: object) -> None:
    pipe.unet = torch.compile(pipe.unet, backend="eager")
    assert torch.allclose(frames(pipe), frames(stock), atol=1e-4)
    reflection = Reflection(weak=GUIDANCE)
    frames(pipe, reflection=reflection)
    assert pipe.run.evaluations == reflection.cost(5.0, 4)


def test_users_hooks_see_their_arguments(pipe: object) -> None:
    seen = []
    with pipe.unet.register_forward_pre_hook(lambda m, args: seen.append(len(args))):
        frames(pipe)
    assert seen == [2] * 4


def test_steps_are_told_in_the_pipelines_own_words(pipe: object) -> None:
    frames(pipe, reflection=Reflection(weak=GUIDANCE))
    assert pipe.num_timesteps == 4


def test_a_subclass_of_a_known_pipeline_reflects(stock: object) -> None:
    class Own(AnimateDiffPipeline): ...

    reflection = Reflection(weak=GUIDANCE)
    with reflect(stock, reflection):
        expected = frames(stock)
    stock.__class__ = Own
    try:
        with reflect(stock, reflection):
            assert torch.equal(frames(stock), expected)
        assert type(stock) is Own
    finally:
        stock.__class__ = AnimateDiffPipeline


def test_from_pipe_leaves_mixed_dtypes_and_takes_a_wish(stock: object) -> None:
    mixed = copy.deepcopy(stock).to(torch.bfloat16)
    mixed.vae.float()
    AnimateDiffW2SDPipeline.from_pipe(mixed)
    assert (mixed.unet.dtype, mixed.vae.dtype) == (torch.bfloat16, torch.float32)
    assert AnimateDiffW2SDPipeline.from_pipe(mixed, dtype=torch.float32).unet.dtype == torch.float32


def test_a_controlnet_starts_and_ends_by_steps() -> None:
    """However many denoiser calls the steps before have."""
    family = tiny.FAMILIES["StableDiffusionControlNetPipeline"]
    pipe = as_reflecting(family.make())
    nothing = {"reflection": Reflection(weak=GUIDANCE, steps=2, gap=0.0)}
    part = {"steps": 4, "control_guidance_start": 0.2, "control_guidance_end": 0.6}
    plain = family.run(pipe, **part)
    assert not torch.equal(plain, family.run(pipe, steps=4))
    assert (family.run(pipe, **part, **nothing) - plain).abs().max() < 1e-5
