"""The paper's algorithm as a plain loop, for families that have little in common.

Stable Diffusion (DDIM, so that ``official`` is here, too), also with a ControlNet and an
IP-Adapter, Stable Diffusion 3 (flow matching, both halves in one batch),
Wan 2.2 (a multistep solver, two calls for the halves, two transformers), CogVideoX (v-prediction
from zero signal; its DPM solver draws noise and remembers the step before), LTX-2 (guidance
between clean clips; sound has latents and guidance of its own) and DiT-MoE (experts).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import diffusers
import torch
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn
from w2sd_video.pipelines.dit_moe.experts import gates
from w2sd_video.pipelines.families import reflecting_class

from w2sd_video import Reflection, Side

from .. import tiny
from ..tiny.parts import LENGTH
from ..tiny.unet import SIZE
from .differences import add_lora, another

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


class SD(ByHand):
    shape, scale = (1, 4, 8, 8), 5.0

    def levels(self) -> list[Level]:
        return levels_of_times(self.scheduler)

    def parts(self, x: Tensor, out: Tensor, level: Level) -> tuple[Tensor, Tensor]:
        return (x - level[1] * out) / level[0], out

    def denoise(self, x: Tensor, t: Tensor, side: Side) -> tuple[Tensor, Tensor, Scale]:
        prompt, negative = prompts(side)
        c, u = self.pipe.encode_prompt(prompt, "cpu", 1, True, negative)
        text = torch.cat([u, c])
        out = self.modules(side)[0](torch.cat([x, x]), t, encoder_hidden_states=text).sample
        return out[1:], out[:1], self.scale


class Conditioned(SD):
    """With a ControlNet and an IP-Adapter, both of which see both halves."""

    @property
    def pairs(self) -> list[tuple[Side, Side]]:
        more = Side(None, 7.0, {"art": 1.6}, "a big red circle", None, 1.3, 1.2)
        less = Side(self.others, 1.5, {"art": -0.7}, "a ring", "a star", 0.4, 0.3)
        off = Side(self.others, 1.0, {"art": 0.0}, "a ring", None, 0.0, 0.0)
        return [(Side(), less), (more, less), (more, off)]

    def denoise(self, x: Tensor, t: Tensor, side: Side) -> tuple[Tensor, Tensor, Scale]:
        prompt, negative = prompts(side)
        c, u = self.pipe.encode_prompt(prompt, "cpu", 1, True, negative)
        both, text = torch.cat([x, x]), torch.cat([u, c])
        given = self.family.call()
        image = self.pipe.prepare_image(
            given["image"], SIZE, SIZE, 1, 1, "cpu", torch.float32, do_classifier_free_guidance=True
        )
        scale = 1.0 if side.controlnet_scale is None else side.controlnet_scale
        down, middle = self.pipe.controlnet(both, t, text, image, scale, return_dict=False)
        embeds = self.pipe.prepare_ip_adapter_image_embeds(
            None, given["ip_adapter_image_embeds"], "cpu", 1, True
        )
        unet = self.modules(side)[0]
        seen = 1.0 if side.ip_adapter_scale is None else side.ip_adapter_scale
        with ip_adapter_at(unet, seen):
            out = unet(
                both,
                t,
                text,
                down_block_additional_residuals=down,
                mid_block_additional_residual=middle,
                added_cond_kwargs={"image_embeds": embeds},
            ).sample
        return out[1:], out[:1], self.scale


@contextmanager
def ip_adapter_at(unet: nn.Module, scale: float) -> Iterator[None]:
    processors = [p for p in unet.attn_processors.values() if hasattr(p, "scale")]
    assert processors
    for processor in processors:
        processor.scale = [scale]
    yield
    for processor in processors:
        processor.scale = [1.0]


class DiTMoE(SD):
    """A mixture of experts, of classes; it begins with noise of its own, and gives pixels."""

    shape, scale = (1, 4, 8, 8), 4.0

    @property
    def pairs(self) -> list[tuple[Side, Side]]:
        worst = Side(experts="worst")
        more = Side(None, 7.0, {"art": 1.6}, experts="best")
        less = Side(self.others, 1.5, {"art": -0.7}, experts="worst")
        conditional = Side(self.others, 1.0, {"art": 0.4}, experts="worst")
        return [(Side(), worst), (worst, Side()), (more, less), (more, conditional)]

    def begin_with(self) -> Tensor:
        size = self.pipe.transformer.config.sample_size
        return torch.randn((1, 4, size, size), generator=torch.Generator().manual_seed(5))

    def run(self, reflection: Reflection, **call: Any) -> tuple[Tensor, ...]:
        generator = torch.Generator().manual_seed(5)
        return (
            self.family.run(
                self.pipe, steps=STEPS, reflection=reflection, generator=generator, **call
            ),
        )

    def denoise(self, x: Tensor, t: Tensor, side: Side) -> tuple[Tensor, Tensor, Scale]:
        module = self.modules(side)[0]
        classes = torch.tensor([self.family.prompts[0], 1000])
        with experts_of(module, side.experts or "best"):
            out = module(torch.cat([x, x]), t.expand(2), classes).sample[:, :4]
        return out[:1], out[1:], self.scale

    def shown(self, x: Tensor) -> tuple[Tensor, ...]:
        image = self.pipe.vae.decode(x / self.pipe.vae.config.scaling_factor).sample
        return ((image / 2 + 0.5).clamp(0, 1),)


@contextmanager
def experts_of(module: nn.Module, which: str) -> Iterator[None]:
    for gate in gates(module):
        gate.experts = which
    yield
    for gate in gates(module):
        gate.experts = "best"


def levels_of_times(scheduler: Any) -> list[Level]:
    signal = [float(scheduler.alphas_cumprod[t]) for t in scheduler.timesteps]
    signal.append(float(scheduler.final_alpha_cumprod))
    return [(a**0.5, (1.0 - a) ** 0.5) for a in signal]


class SD3(ByHand):
    shape, scale = (1, 4, 8, 8), 4.5

    def denoise(self, x: Tensor, t: Tensor, side: Side) -> tuple[Tensor, Tensor, Scale]:
        prompt, negative = prompts(side)
        c, u, pooled_c, pooled_u = self.pipe.encode_prompt(
            prompt, None, None, negative_prompt=negative, max_sequence_length=LENGTH
        )
        out = self.modules(side)[0](
            hidden_states=torch.cat([x, x]),
            timestep=t.expand(2),
            encoder_hidden_states=torch.cat([u, c]),
            pooled_projections=torch.cat([pooled_u, pooled_c]),
        ).sample
        return out[1:], out[:1], self.scale


class Corrected(diffusers.UniPCMultistepScheduler):
    """Its corrector makes the sample anew, as if nothing had been added to it."""

    push: Tensor | float = 0.0

    def multistep_uni_c_bh_update(self, *args: Any, **kwargs: Any) -> Tensor:
        return super().multistep_uni_c_bh_update(*args, **kwargs) + self.push


class Wan(ByHand):
    shape, scale = (1, 4, 2, 4, 4), 5.0

    def begin(self) -> None:
        self.scheduler = Corrected.from_config(self.pipe.scheduler.config)
        self.scheduler.set_timesteps(STEPS)

    def denoise(self, x: Tensor, t: Tensor, side: Side) -> tuple[Tensor, Tensor, Scale]:
        prompt, negative = prompts(side)
        c, u = self.pipe.encode_prompt(prompt, negative, max_sequence_length=LENGTH)
        high = t >= 875
        module = self.modules(side)[0 if high else 1]
        out = [module(x, t.expand(1), text).sample for text in (c, u)]
        return *out, self.scale if high else 3.0

    def advance(self, i: int, x: Tensor, pushed: Tensor, out: Tensor) -> Tensor:
        self.scheduler.push = pushed - x
        return self.scheduler.step(out, self.scheduler.timesteps[i], pushed).prev_sample


class CogVideoX(ByHand):
    shape, scale = (1, 2, 4, 4, 4), 6.0

    def levels(self) -> list[Level]:
        return levels_of_times(self.scheduler)

    def parts(self, x: Tensor, out: Tensor, level: Level) -> tuple[Tensor, Tensor]:
        a, s = level
        return a * x - s * out, s * x + a * out

    def denoise(self, x: Tensor, t: Tensor, side: Side) -> tuple[Tensor, Tensor, Scale]:
        prompt, negative = prompts(side)
        c, u = self.pipe.encode_prompt(prompt, negative, True, max_sequence_length=LENGTH)
        out = self.modules(side)[0](torch.cat([x, x]), torch.cat([u, c]), t.expand(2)).sample
        return out[1:], out[:1], self.scale


class CogVideoXDPM(CogVideoX):
    def begin(self) -> None:
        super().begin()
        self.generator, self.clean = torch.Generator().manual_seed(5), None

    def advance(self, i: int, x: Tensor, pushed: Tensor, out: Tensor) -> Tensor:
        times = self.scheduler.timesteps
        before = times[i - 1] if i else None
        lower, self.clean = self.scheduler.step(
            out, self.clean, times[i], before, pushed, generator=self.generator
        )
        return lower


class LTX2(ByHand):
    """Video and sound in one tensor: tokens of four numbers both of them."""

    # Rescaling is no part of the method, and at the weak side it depends on its latents.
    call: ClassVar[dict[str, Any]] = {
        "guidance_scale": 3.0,
        "audio_guidance_scale": 5.0,
        "guidance_rescale": 0.0,
        "audio_guidance_rescale": 0.0,
    }

    def begin_with(self) -> Tensor:
        self.asked: dict[tuple[str, str], dict[str, Any]] = {}
        given = self.given(Side())
        video, sound = given["hidden_states"][:1], given["audio_hidden_states"][:1]
        self.tokens = video.shape[1]
        self.size = given["num_frames"], given["height"], given["width"]
        self.length = given["audio_num_frames"]
        return torch.cat([video, sound], dim=1)

    def given(self, side: Side) -> dict[str, Any]:
        """What the stock pipeline asks its denoiser for first, with a side's prompts."""
        key = prompt, negative = prompts(side)
        if key not in self.asked:
            calls: list[dict[str, Any]] = []
            hook = self.pipe.transformer.register_forward_pre_hook(
                lambda module, args, kwargs: calls.append(kwargs), with_kwargs=True
            )
            with hook:
                self.family.run(
                    self.pipe, steps=STEPS, prompt=prompt, negative_prompt=negative, **self.call
                )
            self.asked[key] = calls[0]
        return self.asked[key]

    def begin(self) -> None:
        self.scheduler = self.pipe.scheduler  # with the shift that the size asks for
        assert len(self.scheduler.timesteps) == STEPS

    def denoise(self, x: Tensor, t: Tensor, side: Side) -> tuple[Tensor, Tensor, Scale]:
        video, sound = x[:, : self.tokens], x[:, self.tokens :]
        here = {
            "hidden_states": torch.cat([video, video]),
            "audio_hidden_states": torch.cat([sound, sound]),
            "timestep": t.expand(2),
            "sigma": t.expand(2),
        }
        out = torch.cat(self.modules(side)[0](**self.given(side) | here), dim=1)
        scale = torch.full_like(x[:, :, :1], 3.0)
        scale[:, self.tokens :] = 5.0
        return out[1:], out[:1], scale

    def run(self, reflection: Reflection, **call: Any) -> tuple[Tensor, ...]:
        result = self.pipe(**self.family.call(STEPS, **self.call, **call), reflection=reflection)
        return result.frames, result.audio

    def shown(self, x: Tensor) -> tuple[Tensor, ...]:
        pipe, video, sound = self.pipe, x[:, : self.tokens], x[:, self.tokens :]
        vae, ear = pipe.vae, pipe.audio_vae
        video = pipe._unpack_latents(video, *self.size, 1, 1)
        video = pipe._denormalize_latents(
            video, vae.latents_mean, vae.latents_std, vae.config.scaling_factor
        )
        sound = pipe._denormalize_audio_latents(sound, ear.latents_mean, ear.latents_std)
        bins = ear.config.mel_bins // pipe.audio_vae_mel_compression_ratio
        return video, pipe._unpack_audio_latents(sound, self.length, num_mel_bins=bins)


def same(got: tuple[Tensor, ...], expected: tuple[Tensor, ...]) -> bool:
    return all(
        a.shape == b.shape and bool((a - b).abs().max() <= 1e-5 * b.abs().max())
        for a, b in zip(got, expected, strict=True)
    )


HANDS = {
    "StableDiffusionPipeline": SD,
    "StableDiffusionControlNetPipeline-ip": Conditioned,
    "StableDiffusion3Pipeline": SD3,
    "WanPipeline-2.2": Wan,
    "CogVideoXPipeline": CogVideoX,
    "CogVideoXPipeline-dpm": CogVideoXDPM,
    "LTX2Pipeline": LTX2,
    "DiTMoEPipeline": DiTMoE,
}
