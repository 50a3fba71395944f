"""The paper's algorithm as a plain loop; what a family is, subclasses say."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn
from w2sd_video.pipelines.families import reflecting_class

from w2sd_video import Reflection, Side

from ... import tiny
from ..differences import add_lora, another

STEPS, REFLECTED, GAP = 4, 3, 0.7
PROMPT, NEGATIVE = "a red circle", "a gray square"
Level = tuple[float, float]  # (a, s) of x = a clean + s noise
Scale = float | Tensor


class ByHand(ABC):
    """The paper's algorithm; of diffusers' are the encoders, the denoisers and the final step."""

    shape: tuple[int, ...]
    scale: float

    def __init__(self, key: str) -> None:
        self.family = tiny.FAMILIES[key]
        self.pipe = self.family.make(reflecting_class(self.family.stock))
        add_lora(self.pipe)
        self.others = tuple(another(m) for m in self.pipe.family.modules(self.pipe).values())
        self.noise = self.begin_with()

    @property
    def pairs(self) -> list[tuple[Side, Side]]:
        """Strong and weak sides that differ in all that they can, the latter also in what needs
        one half only."""
        more = Side(adapters={"art": 1.6}, guidance_scale=7.0, prompt="a big red circle")
        less = Side(self.others, 1.5, {"art": -0.7}, "a ring", "a star")
        conditional = Side(self.others, 1.0, {"art": 0.4}, "a ring")
        return [(Side(), less), (more, less), (more, conditional)]

    # What a family is.

    def begin_with(self) -> Tensor:
        return torch.randn(self.shape, generator=torch.Generator().manual_seed(0))

    def begin(self) -> None:
        """A scheduler of its own for every clip."""
        self.scheduler = type(self.pipe.scheduler).from_config(self.pipe.scheduler.config)
        self.scheduler.set_timesteps(STEPS)

    def levels(self) -> list[Level]:
        return [(1.0 - s, s) for s in self.scheduler.sigmas.tolist()]

    def parts(self, x: Tensor, out: Tensor, level: Level) -> tuple[Tensor, Tensor]:
        """The clean clip and the noise in x, if the denoiser is right; here of a velocity."""
        a, s = level
        return x - s * out, x + a * out

    @abstractmethod
    def denoise(self, x: Tensor, t: Tensor, side: Side) -> tuple[Tensor, Tensor, Scale]:
        """The conditional and the unconditional output, and the guidance of the call."""

    def run(self, reflection: Reflection, **call: Any) -> tuple[Tensor, ...]:
        """What the pipeline gives."""
        latents = self.family.run(
            self.pipe,
            steps=STEPS,
            reflection=reflection,
            latents=self.noise.clone(),
            generator=torch.Generator().manual_seed(5),
            **call,
        )
        return (latents,)

    def shown(self, x: Tensor) -> tuple[Tensor, ...]:
        """What the pipeline makes of its last latents."""
        return (x,)

    def advance(self, i: int, x: Tensor, pushed: Tensor, out: Tensor) -> Tensor:
        """The final step from ``pushed``, which without a reflection would be x."""
        here, there = self.levels()[i : i + 2]
        return self.move(pushed, out, here, there)

    # The method.

    def move(self, x: Any, out: Any, here: Level, there: Level) -> Any:
        clean, noise = self.parts(x, out, here)
        return there[0] * clean + there[1] * noise

    def back(self, lower: Tensor, out: Tensor, here: Level, there: Level) -> Tensor:
        """The x that a step with ``out`` takes to ``lower``."""
        return (lower - self.move(0.0, out, here, there)) / self.move(1.0, 0.0, here, there)

    def output(self, x: Tensor, t: Tensor, side: Side) -> Tensor:
        with lora_at(self.modules(side), (side.adapters or {}).get("art", 1.0)):
            c, u, scale = self.denoise(x, t, side)
        if side.guidance_scale is not None:
            scale = side.guidance_scale
        return u + scale * (c - u)

    def modules(self, side: Side) -> tuple[nn.Module, ...]:
        own = tuple(self.pipe.family.modules(self.pipe).values())
        return (side.denoiser,) if isinstance(side.denoiser, nn.Module) else side.denoiser or own

    @torch.no_grad()
    def sample(self, strong: Side, weak: Side, mode: str) -> tuple[Tensor, ...]:
        self.begin()
        x, difference = self.noise, None
        for i, t in enumerate(self.scheduler.timesteps):
            here, there = self.levels()[i : i + 2]
            reflects, pushed = i < REFLECTED, x
            if reflects and mode in ("exact", "implicit", "official"):
                lower = self.move(x, self.output(x, t, strong), here, there)
                out_weak = self.output(x if mode == "implicit" else lower, t, weak)
                # As published, the way up is that of the pair of levels one further down.
                pair = self.levels()[i + 1 : i + 3] if mode == "official" else (here, there)
                pushed = x + GAP * (self.back(lower, out_weak, *pair) - x)
            if reflects and mode == "cached" and difference is not None:
                # Down with one output and up with the other, both of the step before.
                lower = self.move(x, difference, here, there)
                pushed = x + GAP * (self.back(lower, 0.0 * x, here, there) - x)
            out = self.output(pushed, t, Side())
            if reflects and mode in ("cached", "extrapolate"):
                difference = self.output(pushed, t, strong) - self.output(pushed, t, weak)
            if reflects and mode == "extrapolate":
                out = out + GAP * difference
            x = self.advance(i, x, pushed, out)
        return self.shown(x)


@contextmanager
def lora_at(modules: tuple[nn.Module, ...], scale: float) -> Iterator[None]:
    layers = [x for m in modules for x in m.modules() if isinstance(x, LoraLayer)]
    assert layers or scale == 1.0
    for layer in layers:
        layer.scaling["art"] = scale
    yield
    for layer in layers:
        layer.scaling["art"] = 1.0


def prompts(side: Side) -> tuple[str, str]:
    return side.prompt or PROMPT, side.negative_prompt or NEGATIVE


def levels_of_times(scheduler: Any) -> list[Level]:
    signal = [float(scheduler.alphas_cumprod[t]) for t in scheduler.timesteps]
    signal.append(float(scheduler.final_alpha_cumprod))
    return [(a**0.5, (1.0 - a) ** 0.5) for a in signal]


def same(got: tuple[Tensor, ...], expected: tuple[Tensor, ...]) -> bool:
    return all(
        a.shape == b.shape and bool((a - b).abs().max() <= 1e-5 * b.abs().max())
        for a, b in zip(got, expected, strict=True)
    )
