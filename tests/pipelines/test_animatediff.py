"""AnimateDiffW2SDPipeline on tiny random weights."""

from __future__ import annotations

import copy
import gc
import warnings
import weakref
from pathlib import Path

import diffusers
import pytest
import torch
from diffusers import AnimateDiffPipeline, UNetMotionModel
from peft import LoraConfig
from peft.tuners.lora import LoraLayer
from w2sd_video.pipelines import (
    AnimateDiffW2SDPipeline,
    StableDiffusionW2SDPipeline,
    UnsupportedScheduler,
    UnsupportedSide,
    load_denoiser,
)
from w2sd_video.pipelines.animatediff import with_motion_of

from w2sd_video import Reflection, Side, reflect
from w2sd_video.core.reflection import MODES
from w2sd_video.core.session import Run, Session

from .. import tiny

GUIDANCE = Side(guidance_scale=1.0)


@pytest.fixture(scope="module")
def stock() -> AnimateDiffPipeline:
    return tiny.animatediff()


@pytest.fixture
def pipe() -> AnimateDiffW2SDPipeline:
    return tiny.animatediff(AnimateDiffW2SDPipeline)


def frames(pipe: object, **changes: object) -> torch.Tensor:
    return pipe(**tiny.call(**changes)).frames


def add_lora(unet: torch.nn.Module, name: str = "art", seed: int = 7) -> None:
    """A LoRA that does something (peft starts B at zero), the same each time."""
    unet.add_adapter(
        LoraConfig(r=2, lora_alpha=2, target_modules=["to_q", "to_k", "to_v"]), adapter_name=name
    )
    generator = torch.Generator().manual_seed(seed)
    for key, p in unet.named_parameters():
        if f".{name}." in key:
            p.data.copy_(torch.randn(p.shape, generator=generator) * 0.5)


def state_of(pipe: object) -> dict[str, object]:
    """What a call must leave as it was."""
    hooks = [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in pipe.unet.modules()]
    return {
        "class": type(pipe),
        "scheduler": pipe.scheduler,
        "unet": pipe.unet,
        "names": {k for k in pipe.__dict__ if k not in ("run", "_progress_bar_config")}
        - {"_guidance_scale", "_clip_skip", "_cross_attention_kwargs", "_interrupt"}
        - {"_num_timesteps"},
        "hooks": hooks,
        "config": dict(pipe.config),
        "lora": [
            (m.active_adapters, m.disable_adapters, dict(m.scaling))
            for m in pipe.unet.modules()
            if isinstance(m, LoraLayer)
        ],
    }


# --- nothing asked, nothing changed ------------------------------------------------------


@pytest.mark.parametrize(
    "reflection", [None, *(Reflection(weak=GUIDANCE, steps=s) for s in (0, 0.0))]
)
def test_no_steps_is_bit_for_bit_stock(
    stock: object, pipe: object, reflection: Reflection | None
) -> None:
    assert torch.equal(frames(pipe, reflection=reflection), frames(stock))


@pytest.mark.parametrize("mode", MODES)
def test_reflection_changes_the_clip_and_counts_what_it_costs(
    stock: object, pipe: object, mode: str
) -> None:
    reflection = Reflection(weak=GUIDANCE, steps=0.5, mode=mode)
    clip = frames(pipe, steps=6, reflection=reflection)
    assert not torch.equal(clip, frames(stock, steps=6))
    assert pipe.run.evaluations == reflection.cost(5.0, 6)
    assert pipe.run.steps == 6


def test_costs_per_step_of_a_guidance_and_a_weights_pair(pipe: object) -> None:
    other = copy.deepcopy(pipe.unet)
    measured = {}
    for mode in MODES:
        row = []
        for weak in (GUIDANCE, Side(denoiser=other), Side(denoiser=other, guidance_scale=1.0)):
            frames(pipe, steps=3, reflection=Reflection(weak=weak, steps=2, mode=mode))
            row.append((pipe.run.evaluations - 2) / 2)  # one plain step is among the three
        measured[mode] = row
    assert measured == {
        "exact": [5, 6, 5],  # the published code pays 6 for the first
        "official": [5, 6, 5],
        "implicit": [4, 6, 5],
        "cached": [2, 4, 3],
        "extrapolate": [2, 4, 3],
    }


@pytest.mark.parametrize("mode", ["implicit", "cached", "extrapolate"])
def test_equal_sides_at_one_latent_are_stock(stock: object, pipe: object, mode: str) -> None:
    # In exact and official the weak output belongs to another latent: see the mixtures.
    twin = copy.deepcopy(pipe.unet)
    reflected = frames(pipe, reflection=Reflection(weak=Side(denoiser=twin), mode=mode))
    assert (reflected - frames(stock)).abs().max() == 0.0


def test_forced_equal_outputs_are_stock(stock: object, pipe: object) -> None:
    outputs: list[torch.Tensor] = []

    def replay(module: object, args: object, output: object) -> object:
        if len(outputs) % 3 == 1:  # the weak call
            output.sample = outputs[-1]
        outputs.append(output.sample)
        return output

    with pipe.unet.register_forward_hook(replay):
        reflected = frames(pipe, reflection=Reflection(weak=Side(guidance_scale=5.0)))
    assert len(outputs) == 12
    assert (reflected - frames(stock)).abs().max() == 0.0


# --- the published code ------------------------------------------------------------------


def test_official_equals_a_plain_loop() -> None:
    """Strong, weak and final LoRA scales and guidance all different, as published."""
    pipe = tiny.stable_diffusion(StableDiffusionW2SDPipeline)
    pipe.unet.double()
    pipe.text_encoder.double()
    pipe.vae.double()
    add_lora(pipe.unet)
    pipe.unet.double()
    strong, weak, final = (5.5, 1.5), (1.0, -1.5), (4.5, 0.8)
    steps = 10

    @torch.no_grad()
    def model(x: torch.Tensor, t: torch.Tensor, guidance: float, lora: float) -> torch.Tensor:
        pipe.unet.set_adapters(["art"], [lora])
        out = pipe.unet(torch.cat([x, x]), t, encoder_hidden_states=embeds).sample
        u, c = out.chunk(2)
        return u + guidance * (c - u)

    c, u = pipe.encode_prompt("a red circle", "cpu", 1, True)
    embeds = torch.cat([u, c])
    down, up = tiny.ddim(), diffusers.DDIMInverseScheduler.from_config(tiny.ddim().config)
    down.set_timesteps(steps)
    up.set_timesteps(steps)
    noise = torch.randn(
        (1, 4, 8, 8), generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )
    x = noise
    for i, t in enumerate(down.timesteps):
        if i + 1 < steps:
            lower = down.step(model(x, t, *strong), t, x).prev_sample
            x = up.step(model(lower, t, *weak), down.timesteps[i + 1], lower).prev_sample
        x = down.step(model(x, t, *final), t, x).prev_sample

    pipe.unet.set_adapters(["art"], [final[1]])
    got = pipe(
        "a red circle",
        num_inference_steps=steps,
        guidance_scale=final[0],
        latents=noise,
        output_type="latent",
        reflection=Reflection(
            strong=Side(guidance_scale=strong[0], adapters={"art": strong[1]}),
            weak=Side(guidance_scale=weak[0], adapters={"art": weak[1]}),
            mode="official",
        ),
    ).images
    assert (got - x).abs().max() <= 1e-6 * x.abs().max()


# --- differences: the weak stage really sees them ---------------------------------------


def by_hand(pipe: object, weak_output: object, steps: int = 4) -> torch.Tensor:
    """Exact reflection of every step, written out, with a given weak model."""
    scheduler = tiny.ddim()
    scheduler.set_timesteps(steps)
    embeds = torch.cat([*reversed(pipe.encode_prompt("a red circle", "cpu", 1, True))])
    embeds = embeds.repeat_interleave(2, dim=0)

    def guided(
        unet: object, x: torch.Tensor, t: object, scale: float, text: object
    ) -> torch.Tensor:
        u, c = unet(torch.cat([x, x]), t, encoder_hidden_states=text).sample.chunk(2)
        return u + scale * (c - u)

    x = torch.randn((1, 4, 2, 8, 8), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        for t in scheduler.timesteps:
            strong = guided(pipe.unet, x, t, 5.0, embeds)
            lower = scheduler.step(strong, t, x).prev_sample
            alphas = scheduler.alphas_cumprod
            here = alphas[t]
            there = alphas[t - 250] if t >= 250 else scheduler.final_alpha_cumprod
            a = (there / here) ** 0.5
            b = (1 - there) ** 0.5 - a * (1 - here) ** 0.5
            weak = weak_output(guided, lower, t, embeds)
            shifted = (lower - b * weak) / a  # the inverse step, literally
            x = scheduler.step(guided(pipe.unet, shifted, t, 5.0, embeds), t, shifted).prev_sample
    return x


def same(got: torch.Tensor, expected: torch.Tensor) -> bool:
    return bool((got - expected).abs().max() <= 2e-5 * expected.abs().max())


def test_weak_guidance(pipe: object) -> None:
    for scale in (0.0, 1.0, 2.5):
        expected = by_hand(pipe, lambda g, x, t, e, s=scale: g(pipe.unet, x, t, s, e))
        got = frames(pipe, reflection=Reflection(weak=Side(guidance_scale=scale)))
        assert same(got, expected)


def test_weak_weights(pipe: object) -> None:
    other = tiny.animatediff().unet
    torch.manual_seed(3)
    for p in other.parameters():
        p.data += 0.05 * torch.randn_like(p)
    expected = by_hand(pipe, lambda g, x, t, e: g(other, x, t, 5.0, e))
    assert same(frames(pipe, reflection=Reflection(weak=Side(denoiser=other))), expected)


def test_weak_prompt(pipe: object) -> None:
    text = torch.cat([*reversed(pipe.encode_prompt("a ring", "cpu", 1, True, "a cross"))])
    text = text.repeat_interleave(2, dim=0)
    expected = by_hand(pipe, lambda g, x, t, e: g(pipe.unet, x, t, 5.0, text))
    weak = Side(prompt="a ring", negative_prompt="a cross")
    assert same(frames(pipe, reflection=Reflection(weak=weak)), expected)


def test_weak_lora(pipe: object) -> None:
    add_lora(pipe.unet)

    def weak_output(guided: object, x: object, t: object, e: object) -> torch.Tensor:
        pipe.unet.set_adapters(["art"], [-0.7])
        out = guided(pipe.unet, x, t, 5.0, e)
        pipe.unet.set_adapters(["art"], [1.0])
        return out

    expected = by_hand(pipe, weak_output)
    got = frames(pipe, reflection=Reflection(weak=Side(adapters={"art": -0.7})))
    assert same(got, expected)


def test_lora_scale_zero_is_no_lora(pipe: object) -> None:
    plain = copy.deepcopy(pipe.unet)
    add_lora(pipe.unet)
    off = frames(pipe, reflection=Reflection(weak=Side(adapters={"art": 0.0})))
    without = frames(pipe, reflection=Reflection(weak=Side(denoiser=plain)))
    assert torch.equal(off, without)


def test_an_image_unet_gets_the_motion_modules(pipe: object, tmp_path: Path) -> None:
    tiny.unet(seed=5).save_pretrained(tmp_path / "unet")
    weak = load_denoiser(pipe, str(tmp_path))
    assert isinstance(weak, UNetMotionModel)
    own = dict(pipe.unet.named_parameters())
    for name, p in weak.named_parameters():
        shared = p.data_ptr() == own[name].data_ptr()
        assert shared == torch.equal(p, own[name])
        if "motion_modules" in name:
            assert shared
    assert any(p.data_ptr() != own[n].data_ptr() for n, p in weak.named_parameters())
    expected = by_hand(pipe, lambda g, x, t, e: g(weak, x, t, 5.0, e))
    assert same(frames(pipe, reflection=Reflection(weak=Side(denoiser=weak))), expected)
    plain_image_unet = Side(denoiser=tiny.unet(seed=5))  # without load_denoiser
    assert same(frames(pipe, reflection=Reflection(weak=plain_image_unet)), expected)


def test_a_side_may_have_guidance_where_the_call_has_none(pipe: object) -> None:
    strong = Reflection(strong=Side(guidance_scale=5.0), weak=GUIDANCE)
    clip = frames(pipe, guidance_scale=1.0, reflection=strong)
    assert pipe.run.evaluations == 4 * (2 + 1 + 1) == strong.cost(1.0, 4)
    # Without the call's guidance the final steps are those of the conditional model.
    same_sides = Reflection(strong=GUIDANCE, weak=GUIDANCE, mode="implicit")
    plain = frames(pipe, guidance_scale=1.0)
    assert torch.equal(frames(pipe, guidance_scale=1.0, reflection=same_sides), plain)
    assert not torch.equal(clip, plain)


def test_differences_combine(pipe: object) -> None:
    add_lora(pipe.unet)
    text = torch.cat([*reversed(pipe.encode_prompt("a ring", "cpu", 1, True))])
    text = text.repeat_interleave(2, dim=0)

    def weak_output(guided: object, x: object, t: object, e: object) -> torch.Tensor:
        pipe.unet.set_adapters(["art"], [0.3])
        out = guided(pipe.unet, x, t, 2.0, text)
        pipe.unet.set_adapters(["art"], [1.0])
        return out

    expected = by_hand(pipe, weak_output)
    weak = Side(guidance_scale=2.0, adapters={"art": 0.3}, prompt="a ring")
    assert same(frames(pipe, reflection=Reflection(weak=weak)), expected)


# --- a good citizen ----------------------------------------------------------------------


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


# --- what else goes on around a call ---------------------------------------------------------


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


# --- refusals ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("side", "message"),
    [
        (
            Side(controlnet_scale=0.5),
            r"cannot do weak\.controlnet_scale; it can differ in adapters",
        ),
        (Side(experts="best"), r"cannot do weak\.experts"),
        (
            Side(adapters={"nope": 1.0}),
            "no adapter 'nope' in the denoiser .unet., which has none; load it",
        ),
        (Side(denoiser="a/path"), "must be a loaded module, not 'a/path'"),
        (
            Side(denoiser=tiny.animatediff().unet.double()),
            "is torch.float64 on cpu, the pipeline's",
        ),
        (Side(prompt=["a", "b", "c"]), "3 prompts where the call has 1; give one string"),
    ],
)
def test_refused_before_anything_is_sampled(pipe: object, side: Side, message: str) -> None:
    before = state_of(pipe)
    with pytest.raises((UnsupportedSide, ValueError), match=message):
        frames(pipe, reflection=Reflection(weak=side))
    assert state_of(pipe) == before


def test_more_refusals(pipe: object) -> None:
    reflection = Reflection(weak=Side(denoiser=copy.deepcopy(pipe.unet)))
    with pytest.raises(UnsupportedSide, match="use callback_on_step_end="):
        frames(pipe, reflection=reflection, callback=print)
    pipe.enable_free_noise(context_length=2)
    with pytest.raises(UnsupportedSide, match="FreeNoise patches"):
        frames(pipe, reflection=reflection)
    pipe.disable_free_noise()
    pipe.unet.register_to_config(time_cond_proj_dim=8)
    with pytest.raises(UnsupportedSide, match="has no unconditional half to guide with"):
        frames(pipe, reflection=Reflection(weak=GUIDANCE))


def test_schedulers_that_cannot_are_refused(pipe: object) -> None:
    pipe.scheduler = diffusers.HeunDiscreteScheduler()
    with pytest.raises(UnsupportedScheduler, match="HeunDiscreteScheduler evaluates the model"):
        frames(pipe, reflection=Reflection(weak=GUIDANCE))


def test_an_unknown_pipeline_is_refused() -> None:
    unknown = diffusers.DDPMPipeline(unet=tiny.unet(), scheduler=diffusers.DDPMScheduler())
    with pytest.raises(UnsupportedSide, match="DDPMPipeline cannot reflect; pipelines that can"):
        reflect(unknown, None)


def test_no_warning_from_our_side(pipe: object) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        frames(pipe, reflection=Reflection(weak=GUIDANCE))
