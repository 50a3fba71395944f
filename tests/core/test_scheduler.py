"""The facade: identities on a linear "model", with every kind of scheduler."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from itertools import pairwise

import diffusers
import pytest
import torch
from diffusers import DDIMScheduler
from w2sd_video.eval.evidence.known.mixture import Mixture
from w2sd_video.eval.evidence.known.sampling import noise, sample

from w2sd_video.core import formula, steps
from w2sd_video.core.reflection import MODES, Reflection, Side, Stage
from w2sd_video.core.scheduler import ReflectingScheduler

OTHER = Side(denoiser="the weak one")
SCHEDULERS = {
    "ddim": lambda: DDIMScheduler(clip_sample=False),
    "ddim-v": lambda: DDIMScheduler(clip_sample=False, prediction_type="v_prediction"),
    "euler": lambda: diffusers.EulerDiscreteScheduler(),
    "euler-karras": lambda: diffusers.EulerDiscreteScheduler(use_karras_sigmas=True),
    "euler-ancestral": lambda: diffusers.EulerAncestralDiscreteScheduler(),
    "dpm++2m": lambda: diffusers.DPMSolverMultistepScheduler(),
    "dpm++2m-sde": lambda: diffusers.DPMSolverMultistepScheduler(
        algorithm_type="sde-dpmsolver++", use_karras_sigmas=True
    ),
    "unipc": lambda: diffusers.UniPCMultistepScheduler(),
    "deis": lambda: diffusers.DEISMultistepScheduler(),
    "flow": lambda: diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0),
    "unipc-flow": lambda: diffusers.UniPCMultistepScheduler(
        use_flow_sigmas=True, prediction_type="flow_prediction"
    ),
    "flow-inverted": lambda: diffusers.FlowMatchEulerDiscreteScheduler(invert_sigmas=True),
    "cogvideox": lambda: diffusers.CogVideoXDDIMScheduler(prediction_type="v_prediction"),
    "cogvideox-dpm": lambda: diffusers.CogVideoXDPMScheduler(prediction_type="v_prediction"),
}


def model(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    return torch.tanh(x) * (0.5 + 0.1 * torch.sin(t.float() / 100))


Change = Callable[[Stage, torch.Tensor], torch.Tensor]


def loop(
    scheduler: object,
    *,
    dtype: torch.dtype,
    change: Change = lambda stage, out: out,
    remembered: list[torch.Tensor] | None = None,
) -> torch.Tensor:
    """A pipeline's loop. ``change`` may give a stage another output.

    What the scheduler keeps from one step for the next goes into ``remembered``.
    """
    scheduler.set_timesteps(12)
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    x = (x * getattr(scheduler, "init_noise_sigma", 1.0)).to(dtype)
    takes = inspect.signature(scheduler.step).parameters
    extra = {"generator": generator} if "generator" in takes else {}
    clean, before = None, None
    for t in scheduler.timesteps:
        scaled = x
        if hasattr(scheduler, "scale_model_input"):
            scaled = scheduler.scale_model_input(x, t)
        call = getattr(scheduler, "current", None)
        stage = Stage.FINAL if call is None else call.stage
        out = change(stage, model(scaled, t).to(dtype))
        if "old_pred_original_sample" in takes:  # CogVideoX-DPM: the loop keeps it
            x, clean = scheduler.step(out, clean, t, before, x, **extra)
        else:
            x = scheduler.step(out, t, x, return_dict=False, **extra)[0]
        before = t
        if remembered is not None and stage is Stage.FINAL:
            kept = [clean, getattr(scheduler, "last_sample", None)]
            kept += getattr(scheduler, "model_outputs", [])
            remembered += [x.clone() for x in kept if x is not None]
    return x


def forced_equal() -> Change:
    """The weak call gives what the strong one gave."""
    kept: list[torch.Tensor] = []

    def change(stage: Stage, out: torch.Tensor) -> torch.Tensor:
        if stage is Stage.STRONG:
            kept.append(out)
        return kept.pop() if stage is Stage.WEAK else out

    return change


@pytest.mark.parametrize(
    "mode", [m for m in MODES if m not in ("official", "cached", "extrapolate")]
)
@pytest.mark.parametrize("name", SCHEDULERS)
def test_forced_equal_outputs_give_the_stock_trajectory(name: str, mode: str) -> None:
    stock = loop(SCHEDULERS[name](), dtype=torch.float32)
    facade = ReflectingScheduler(SCHEDULERS[name](), Reflection(weak=OTHER, mode=mode))
    reflected = loop(facade, change=forced_equal(), dtype=torch.float32)
    assert (reflected - stock).abs().max() == 0.0


@pytest.mark.parametrize("mode", ["cached", "extrapolate"])
@pytest.mark.parametrize("name", SCHEDULERS)
def test_equal_models_at_the_same_latent_give_the_stock_trajectory(name: str, mode: str) -> None:
    # Here both sides are evaluated at one latent, so equal models mean equal outputs.
    stock = loop(SCHEDULERS[name](), dtype=torch.float32)
    facade = ReflectingScheduler(SCHEDULERS[name](), Reflection(weak=OTHER, mode=mode))
    assert (loop(facade, dtype=torch.float32) - stock).abs().max() == 0.0


@pytest.mark.parametrize("mode", [m for m in MODES if m != "official"])
@pytest.mark.parametrize("name", SCHEDULERS)
def test_the_sides_leave_nothing_in_a_schedulers_memory(name: str, mode: str) -> None:
    """Without a push the final calls are stock, and so must be all that is kept between them."""
    wrong = {Stage.STRONG: -2.0, Stage.WEAK: 3.0, Stage.FINAL: 1.0}
    stock, kept, third = [], [], Side(denoiser="a third")
    expected = loop(SCHEDULERS[name](), dtype=torch.float32, remembered=stock)
    facade = ReflectingScheduler(SCHEDULERS[name](), Reflection(OTHER, third, mode=mode, gap=0.0))
    got = loop(
        facade,
        dtype=torch.float32,
        change=lambda stage, out: wrong[stage] * out,
        remembered=kept,
    )
    assert torch.equal(got, expected)
    assert len(stock) == len(kept)
    assert all(torch.equal(a, b) for a, b in zip(stock, kept, strict=True))
    several = ("dpm", "unipc", "deis")
    assert len(stock) >= 12 if any(word in name for word in several) else not stock


@pytest.mark.parametrize("mode", ["exact", "implicit"])
def test_half_precision_rounds_once(mode: str) -> None:
    """What the final call gets is the formula in float32, and then rounded."""
    x, strong, weak = torch.randn(3, 4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    x, strong, weak = (v.bfloat16() for v in (x, strong, weak))
    facade = ReflectingScheduler(SCHEDULERS["ddim"](), Reflection(weak=OTHER, mode=mode))
    facade.set_timesteps(12)
    (high, low), kind = steps.transitions(facade.inner)[0], steps.prediction(facade.inner)
    a, b = steps.coefficients(kind, high, low)
    t = facade.timesteps[0]
    lower = facade.step(strong, t, x).prev_sample
    got = facade.step(weak, t, lower).prev_sample
    expected = formula.reflected(x.float(), strong.float() - weak.float(), a, b).bfloat16()
    assert torch.equal(got, expected)
    assert not torch.equal(
        formula.reflected(x, strong - weak, a, b), expected
    )  # which rounds thrice


@pytest.mark.parametrize("name", SCHEDULERS)
def test_half_precision_keeps_the_identity(name: str) -> None:
    stock = loop(SCHEDULERS[name](), dtype=torch.bfloat16)
    facade = ReflectingScheduler(SCHEDULERS[name](), Reflection(weak=OTHER))
    reflected = loop(facade, change=forced_equal(), dtype=torch.bfloat16)
    assert (reflected - stock).abs().max() == 0.0


def test_a_real_weak_equal_to_strong_falls_like_one_over_n() -> None:
    means = torch.tensor([[-1.0], [1.0]], dtype=torch.float64)
    both = Mixture(means, torch.tensor([0.5, 0.5], dtype=torch.float64), std=0.5)
    errors = []
    for count in (10, 20, 40, 80):
        stock, reflected = (
            sample(
                DDIMScheduler(clip_sample=False), both, reflection, noise=noise(500, 1), steps=count
            )
            for reflection in (None, Reflection(weak=Side(denoiser=both)))
        )
        errors.append(float((reflected - stock).abs().mean()))
    for coarse, fine in pairwise(errors):
        assert 1.5 < coarse / fine < 2.7


def test_looks_like_the_inner_scheduler() -> None:
    inner = DDIMScheduler(clip_sample=False)
    facade = ReflectingScheduler(inner, Reflection(weak=OTHER))
    assert isinstance(facade, DDIMScheduler)
    for name in ("step", "set_timesteps", "scale_model_input"):
        signatures = [inspect.signature(getattr(s, name)) for s in (facade, inner)]
        assert signatures[0] == signatures[1]
    assert facade.config is inner.config
    assert hasattr(facade, "set_begin_index") == hasattr(inner, "set_begin_index")
    with pytest.raises(AttributeError):
        _ = facade.nothing_of_the_kind


def test_can_be_copied() -> None:
    facade = ReflectingScheduler(DDIMScheduler(clip_sample=False), Reflection(weak=OTHER))
    facade.set_timesteps(4)
    twin = copy.deepcopy(facade)
    assert twin.inner is not facade.inner
    assert twin.timesteps.tolist() == facade.timesteps.tolist()


def test_float64_stays_float64() -> None:
    facade = ReflectingScheduler(DDIMScheduler(clip_sample=False), Reflection(weak=OTHER))
    facade.set_timesteps(4)
    x = torch.full((1,), 1 / 3, dtype=torch.float64)
    for t in facade.timesteps[:2]:
        lower = facade.step(x, t, x).prev_sample
    assert lower.dtype == torch.float64
    assert lower != lower.float()


def test_each_reflected_timestep_is_shown_once_a_call() -> None:
    facade = ReflectingScheduler(DDIMScheduler(clip_sample=False), Reflection(weak=OTHER, steps=2))
    facade.set_timesteps(4)
    a, b, c, d = facade.inner.timesteps.tolist()
    assert facade.timesteps.tolist() == [a, a, a, b, b, b, c, d]


def test_euler_scales_the_weak_input_by_the_level_it_lies_at() -> None:
    facade = ReflectingScheduler(diffusers.EulerDiscreteScheduler(), Reflection(weak=OTHER))
    facade.set_timesteps(5)
    x = torch.ones(1)
    t = facade.timesteps[0]
    scales = []
    for _ in range(3):
        scales.append(float(facade.scale_model_input(x, t)))
        facade.step(x, t, x)
    high, low = (1 / (s**2 + 1) ** 0.5 for s in facade.inner.sigmas[:2].tolist())
    assert scales == pytest.approx([high, low, high])


def test_stepping_past_the_end_is_refused() -> None:
    facade = ReflectingScheduler(DDIMScheduler(clip_sample=False), Reflection(weak=OTHER, steps=0))
    facade.set_timesteps(1)
    x, t = torch.ones(1, 1), facade.timesteps[0]
    facade.step(x, t, x)
    with pytest.raises(RuntimeError, match="call set_timesteps before sampling again"):
        facade.step(x, t, x)
