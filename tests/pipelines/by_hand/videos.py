"""Wan 2.2 (a multistep solver, two calls for the halves, two transformers), CogVideoX (v-prediction
from zero signal; its DPM solver draws noise and remembers the step before) and LTX-2 (guidance
between clean clips; sound has latents and guidance of its own)."""

from __future__ import annotations

from typing import Any, ClassVar

import diffusers
import torch
from torch import Tensor

from w2sd_video import Reflection, Side

from ...tiny.parts import LENGTH
from .loop import STEPS, ByHand, Level, Scale, levels_of_times, prompts


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
