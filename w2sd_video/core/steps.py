"""First-order steps ``x' = A x + B out`` of every prediction type and scheduler.

With ``x = a x0 + s eps`` and primes for the level the step goes to (n^2 = a^2 + s^2):

    prediction          A                    B
    epsilon             a'/a                 s' - A s
    v_prediction        (a'a + s's)/n^2      (s'a - a's)/n
    sample (x0)         s'/s                 a' - A a
    flow_prediction     (a'+s')/(a+s)        (s'a - a's)/(a+s)

because x and out together give x0 and eps, which go into ``x' = a' x0 + s' eps``:

    epsilon             x0 = (x - s out)/a              eps = out
    v_prediction        x0 = (a x - s n out)/n^2        eps = (s x + a n out)/n^2
    sample (x0)         x0 = out                        eps = (x - a out)/s
    flow_prediction     x0 = (x - s out)/(a+s)          eps = (x + a out)/(a+s)
"""

from __future__ import annotations

import inspect
import itertools
import math
from dataclasses import dataclass
from typing import Any


class UnsupportedScheduler(ValueError):
    """The scheduler's step is not a first-order step that can be inverted."""


@dataclass(frozen=True)
class Level:
    """A noise level: ``x = a x0 + s eps``."""

    a: float
    s: float


def coefficients(prediction: str, here: Level, there: Level) -> tuple[float, float]:
    """A and B of the step from one level to another, down or up.

    Raises:
        UnsupportedScheduler: if that step does not exist or has no inverse.
    """
    a, s, a2, s2 = here.a, here.s, there.a, there.s
    if prediction == "epsilon" and a > 0:
        A = a2 / a
        B = s2 - A * s
    elif prediction == "v_prediction":
        n = math.hypot(a, s)
        A, B = (a2 * a + s2 * s) / n**2, (s2 * a - a2 * s) / n
    elif prediction == "sample" and s > 0:
        A = s2 / s
        B = a2 - A * a
    elif prediction == "flow_prediction":
        A, B = (a2 + s2) / (a + s), (s2 * a - a2 * s) / (a + s)
    elif prediction in ("epsilon", "sample"):
        A = B = 0.0
    else:
        raise UnsupportedScheduler(
            f"prediction type {prediction!r} is not known; reflection knows epsilon, "
            f"v_prediction, sample and flow_prediction"
        )
    if A == 0.0:
        change = (
            "its noise schedule begins at zero signal: use a v-prediction model, or a scheduler "
            "with rescale_betas_zero_snr=False"
            if prediction == "epsilon"
            else "reflect fewer steps, for example Reflection(steps=0.5)"
        )
        raise UnsupportedScheduler(
            f"the step of {prediction} prediction from (a={a:.3g}, s={s:.3g}) to (a={a2:.3g}, "
            f"s={s2:.3g}) has no inverse; {change}"
        )
    return A, B


# Classes by where they keep their noise levels.
_BY_ALPHAS = ("DDIMScheduler", "CogVideoXDDIMScheduler", "CogVideoXDPMScheduler")
_BY_SIGMA_VE = ("EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler")
_BY_SIGMA = (
    "DPMSolverMultistepScheduler",
    "UniPCMultistepScheduler",
    "DEISMultistepScheduler",
)
_BY_FLOW = ("FlowMatchEulerDiscreteScheduler",)
SUPPORTED = (*_BY_ALPHAS, *_BY_SIGMA_VE, *_BY_SIGMA, *_BY_FLOW)


def check(scheduler: Any, mode: str = "exact") -> None:
    """Refuse, in a sentence that says what to change, what reflection cannot invert.

    Raises:
        UnsupportedScheduler
    """
    name, config = type(scheduler).__name__, _settings(scheduler)

    def swap(other: str) -> str:
        return f"for example pipe.scheduler = {other}.from_config(pipe.scheduler.config"

    if getattr(scheduler, "order", 1) != 1:
        raise UnsupportedScheduler(
            f"{name} evaluates the model {scheduler.order} times a step, so its step cannot be "
            f"inverted; use a first-order scheduler, {swap('EulerDiscreteScheduler')})"
        )
    if name not in SUPPORTED:
        raise UnsupportedScheduler(
            f"{name} is not supported with reflection; use one of {', '.join(SUPPORTED)}, "
            f"{swap('DDIMScheduler')}, clip_sample=False)"
        )
    switches = ["thresholding", "stochastic_sampling"]
    if not name.startswith("CogVideoX"):  # they have the setting, but their steps never clip
        switches.append("clip_sample")
    for switch in switches:
        if config.get(switch):
            raise UnsupportedScheduler(
                f"{name} has {switch}=True, with which its step cannot be inverted; "
                f"use {name}.from_config(pipe.scheduler.config, {switch}=False)"
            )
    if str(config.get("variance_type") or "").startswith("learned"):
        raise UnsupportedScheduler(
            f"{name} has variance_type={config['variance_type']!r}: a learned variance is no "
            f"part of a first-order step; use "
            f"{name}.from_config(pipe.scheduler.config, variance_type=None)"
        )
    if mode == "official" and name != "DDIMScheduler":
        raise UnsupportedScheduler(
            f"mode='official' repeats the published code, which samples with DDIM, not {name}; "
            f"use {swap('DDIMScheduler')}, clip_sample=False), or mode='exact'"
        )


def _settings(scheduler: Any) -> dict[str, Any]:
    """Those settings of a scheduler that its class has.

    Its config also holds those of the class that it was made from.
    """
    known = inspect.signature(type(scheduler).__init__).parameters
    return {name: value for name, value in scheduler.config.items() if name in known}


def prediction(scheduler: Any) -> str:
    """The prediction type of the model outputs that ``scheduler.step`` takes."""
    if type(scheduler).__name__ in _BY_FLOW:
        return "flow_prediction"
    return str(scheduler.config.prediction_type)


def transitions(scheduler: Any) -> list[tuple[Level, Level]]:
    """For every step, the noise levels it goes from and to.

    Call after ``scheduler.set_timesteps``.
    """
    name = type(scheduler).__name__
    steps = len(scheduler.timesteps)
    if name in _BY_ALPHAS:
        # The scheduler's own rule: a step goes down by a fixed stride, whatever comes next.
        stride = scheduler.config.num_train_timesteps // scheduler.num_inference_steps
        pairs = []
        for t in map(int, scheduler.timesteps):
            last = scheduler.final_alpha_cumprod
            after = scheduler.alphas_cumprod[t - stride] if t >= stride else last
            pairs.append((float(scheduler.alphas_cumprod[t]), float(after)))
        return [(_variance_preserving(here), _variance_preserving(after)) for here, after in pairs]
    sigmas = scheduler.sigmas[: steps + 1]
    if name in _BY_SIGMA_VE:
        chain = [Level(1.0, float(s)) for s in sigmas]
    elif name in _BY_FLOW:
        chain = [Level(1.0 - float(s), float(s)) for s in sigmas]
    else:
        chain = [Level(*map(float, scheduler._sigma_to_alpha_sigma_t(s))) for s in sigmas]
    return list(itertools.pairwise(chain))


def _variance_preserving(alpha_cumprod: float) -> Level:
    return Level(math.sqrt(alpha_cumprod), math.sqrt(1.0 - alpha_cumprod))


def input_scale(scheduler: Any, level: Level) -> float:
    """What ``scale_model_input`` multiplies a latent of this level by."""
    if type(scheduler).__name__ in _BY_SIGMA_VE:
        return 1.0 / math.sqrt(level.s**2 + 1.0)
    return 1.0
