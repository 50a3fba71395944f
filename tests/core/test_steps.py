"""The table of first-order steps against diffusers' own schedulers."""

from __future__ import annotations

import inspect
import math
import re

import diffusers
import pytest
import torch

from w2sd_video.core import steps
from w2sd_video.core.steps import Level, UnsupportedScheduler, coefficients

# Multistep solvers take one first-order step at a time if told to.
FIRST_ORDER = {
    "DDIMScheduler": {"clip_sample": False},
    "CogVideoXDDIMScheduler": {},
    "EulerDiscreteScheduler": {},
    "DPMSolverMultistepScheduler": {"solver_order": 1},
    "UniPCMultistepScheduler": {"solver_order": 1, "disable_corrector": list(range(100))},
    "DEISMultistepScheduler": {"solver_order": 1},
}
# Those that add noise in each step, and how they are told to.
NOISY = {
    "EulerAncestralDiscreteScheduler": ({}, {}),
    "CogVideoXDPMScheduler": ({}, {}),
    "DDIMScheduler": ({"clip_sample": False}, {"eta": 1.0}),
    "DPMSolverMultistepScheduler": (
        {"solver_order": 1, "algorithm_type": "sde-dpmsolver++"},
        {},
    ),
}
PREDICTIONS = ("epsilon", "v_prediction", "sample")


def make(name: str, **config: object) -> object:
    scheduler = getattr(diffusers, name)(**config)
    scheduler.set_timesteps(10)
    return scheduler


def check_every_step(scheduler: object, bound: float = 1e-5) -> None:
    kind = steps.prediction(scheduler)
    pairs = steps.transitions(scheduler)
    assert len(pairs) == len(scheduler.timesteps)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(64, 4, generator=generator, dtype=torch.float64)
    x = x * getattr(scheduler, "init_noise_sigma", 1.0)
    for t, (here, there) in zip(scheduler.timesteps, pairs, strict=True):
        out = torch.randn(64, 4, generator=generator, dtype=torch.float64)
        try:
            a, b = coefficients(kind, here, there)
        except UnsupportedScheduler:
            assert kind == "sample"  # its last step forgets x altogether
            assert there.s == 0
            continue
        if hasattr(scheduler, "scale_model_input"):
            scheduler.scale_model_input(x, t)
        expected = scheduler.step(out, t, x).prev_sample.double()
        got = a * x + b * out
        assert (got - expected).abs().max() <= bound * expected.abs().max()
        assert ((got - b * out) / a - x).abs().max() <= 1e-9 * x.abs().max()
        x = expected


@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("name", FIRST_ORDER)
def test_step_is_the_schedulers_own(name: str, prediction: str) -> None:
    check_every_step(make(name, prediction_type=prediction, **FIRST_ORDER[name]))


@pytest.mark.parametrize("spacing", ["leading", "trailing", "linspace"])
def test_every_timestep_spacing(spacing: str) -> None:
    check_every_step(
        make("DDIMScheduler", clip_sample=False, timestep_spacing=spacing, steps_offset=1)
    )


@pytest.mark.parametrize("sigmas", ["karras", "exponential"])
@pytest.mark.parametrize("name", ["EulerDiscreteScheduler", "DPMSolverMultistepScheduler"])
def test_every_spacing_of_sigmas(name: str, sigmas: str) -> None:
    check_every_step(make(name, **{**FIRST_ORDER[name], f"use_{sigmas}_sigmas": True}))


@pytest.mark.parametrize(
    "config",
    [{"shift": 3.0}, {"shift": 3.0, "shift_terminal": 0.1}, {"invert_sigmas": True}],
)
def test_flow_match(config: dict[str, object]) -> None:
    """Inverted, the sigmas rise to 1, and x0 and noise have changed places."""
    check_every_step(make("FlowMatchEulerDiscreteScheduler", **config))


@pytest.mark.parametrize("name", [name for name in FIRST_ORDER if "Multistep" in name])
def test_flow_of_multistep_solvers(name: str) -> None:
    scheduler = make(
        name, use_flow_sigmas=True, prediction_type="flow_prediction", **FIRST_ORDER[name]
    )
    # DEIS integrates in float32 over a level that is nearly all noise.
    check_every_step(scheduler, 2e-5 if name.startswith("DEIS") else 1e-5)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("name", NOISY)
def test_a_step_that_adds_noise_leads_to_the_level_of_ours(name: str, prediction: str) -> None:
    """Ours has none to add: it goes between the same two levels, which can be gone back."""
    config, how = NOISY[name]
    scheduler = make(name, prediction_type=prediction, **config)
    generator = torch.Generator().manual_seed(0)
    count = 40_000
    if "generator" in inspect.signature(scheduler.step).parameters:
        how = {**how, "generator": generator}
    pairs = steps.transitions(scheduler)
    assert len(pairs) == len(scheduler.timesteps)
    for t, (here, there) in zip(scheduler.timesteps, pairs, strict=True):
        clean, noise = 1.0, torch.randn(count, generator=generator)
        x = here.a * clean + here.s * noise
        v = (here.a * noise - here.s * clean) / math.hypot(here.a, here.s)
        out = noise if prediction == "epsilon" else v
        a, b = coefficients(prediction, here, there)
        ours = there.a * clean + there.s * noise
        assert (a * x + b * out - ours).abs().max() <= 1e-4 * (1.0 + there.s)
        if hasattr(scheduler, "scale_model_input"):
            scheduler.scale_model_input(x, t)
        if "old_pred_original_sample" in inspect.signature(scheduler.step).parameters:
            theirs = scheduler.step(out, None, t, None, x, **how)[0]
        else:
            theirs = scheduler.step(out, t, x, **how).prev_sample
        assert float(theirs.std()) == pytest.approx(there.s, rel=0.02, abs=1e-3)
        assert float(theirs.mean()) == pytest.approx(there.a, abs=5e-3 + 0.025 * there.s)
        if there.s > 0.01:  # noise was added indeed
            assert (theirs - ours).abs().max() > 0.1 * there.s


@pytest.mark.parametrize("prediction", [*PREDICTIONS, "flow_prediction"])
def test_up_undoes_down(prediction: str) -> None:
    high, low = Level(0.3, 0.9), Level(0.6, 0.7)
    a, b = coefficients(prediction, high, low)
    x, out = 0.7, -0.2
    assert (a * x + b * out - b * out) / a == pytest.approx(x)


@pytest.mark.parametrize(
    ("prediction", "here", "there"),
    [
        ("epsilon", Level(0.0, 1.0), Level(0.1, 0.99)),  # pure noise: no x0 in it
        ("sample", Level(0.9, 0.4), Level(1.0, 0.0)),  # no noise left: x is forgotten
    ],
)
def test_steps_without_inverse_are_refused(prediction: str, here: Level, there: Level) -> None:
    change = {"epsilon": "use a v-prediction model", "sample": "reflect fewer steps"}
    with pytest.raises(UnsupportedScheduler, match=f"has no inverse; .*{change[prediction]}"):
        coefficients(prediction, here, there)


@pytest.mark.parametrize(
    ("name", "config", "sentence"),
    [
        ("DDIMScheduler", {"clip_sample": True}, "clip_sample=False"),
        ("DDIMScheduler", {"clip_sample": False, "thresholding": True}, "thresholding=False"),
        ("DPMSolverMultistepScheduler", {"variance_type": "learned_range"}, "variance_type=None"),
        ("FlowMatchEulerDiscreteScheduler", {"stochastic_sampling": True}, "sampling=False"),
        ("PNDMScheduler", {"skip_prk_steps": True}, "DDIMScheduler.*, clip_sample=False"),
        ("HeunDiscreteScheduler", {}, "use a first-order scheduler"),
        ("KDPM2DiscreteScheduler", {}, "use a first-order scheduler"),
        ("DDPMWuerstchenScheduler", {}, "use one of DDIMScheduler"),
    ],
)
def test_refused_with_a_sentence_that_says_what_to_change(
    name: str, config: dict[str, object], sentence: str
) -> None:
    scheduler = getattr(diffusers, name)(**config)
    scheduler.set_timesteps(4)  # some learn their order only now
    with pytest.raises(UnsupportedScheduler, match=sentence):
        steps.check(scheduler)


def test_a_setting_that_the_step_ignores_is_no_reason() -> None:
    steps.check(diffusers.CogVideoXDDIMScheduler(clip_sample=True))


FROM_LEARNED = {
    "variance_type": "learned_range",
    "thresholding": True,
    "clip_sample": True,
    "stochastic_sampling": True,
}


@pytest.mark.parametrize("name", steps.SUPPORTED)
def test_the_advice_can_be_followed(name: str) -> None:
    """Made from any other scheduler's config, and changed as it says until it is content."""
    scheduler = getattr(diffusers, name).from_config(FROM_LEARNED)
    assert dict(scheduler.config).items() >= FROM_LEARNED.items()  # known to the class or not
    for _ in FROM_LEARNED:
        try:
            steps.check(scheduler)
        except UnsupportedScheduler as error:
            change = re.search(
                r"from_config\(pipe\.scheduler\.config, (\w+)=(None|False)\)$", str(error)
            )
            assert change
            value = None if change[2] == "None" else False
            scheduler = type(scheduler).from_config(scheduler.config, **{change[1]: value})
    steps.check(scheduler)


def test_official_mode_wants_ddim() -> None:
    with pytest.raises(UnsupportedScheduler, match="which samples with DDIM"):
        steps.check(diffusers.EulerDiscreteScheduler(), "official")
