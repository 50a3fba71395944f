"""Stage 3 of the video model: which direction is whose.

Of two things in a noisy clip, the way that each goes shows as soon as they do, so the caption
matters only where neither shows yet, and there it lowers the error by a few hundredths. Told from
the same clip with the two directions swapped in the caption, that little is all that is left: the
noise that both share cancels.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import UNetMotionModel
from torch import Tensor, nn

from .clips import Clips
from .denoiser import Denoiser
from .loss import bf16
from .optimize import Run, Say, Team, fit
from .recipe import Recipe
from .world import FRAMES, Scene

NOISY = (780, 1000)  # timesteps at which the caption decides
SHARPNESS = 100.0  # of the choice, in units of the error
WEIGHT = 0.1  # of the choice
BESIDE = 5  # clips of the stage before: with two only, colors flickered and things changed places


def swapped(scene: Scene) -> Scene:
    """Each of the two things goes the other's way."""
    a, b = scene.things
    things = replace(a, direction=b.direction), replace(b, direction=a.direction)
    return replace(scene, things=things)


def choice(right: Tensor, wrong: Tensor) -> Tensor:
    """Cross-entropy of taking each clip's right caption for the one with the lower error."""
    return F.softplus(-SHARPNESS * (wrong - right)).mean()


def train_binding(
    denoiser: Denoiser,
    video: UNetMotionModel,
    groups: list[tuple[nn.Module, float]],
    clips: Clips,
    recipe: Recipe,
    folder: Path,
    team: Team,
    say: Say,
) -> None:
    """On clips of two things that go different ways, and some of the stage before."""
    run = Run("binding", recipe.binding, groups, folder, team)
    pairs = clips.of_two_directions()

    def loss_of(rng: np.random.Generator) -> Tensor:
        latents, scenes = pairs.draw(rng, recipe.binding.batch)
        x = latents.transpose(1, 2).to(denoiser.device)
        captions = [s.caption for s in scenes] + [swapped(s).caption for s in scenes]
        text, grammar = denoiser.embed(captions, rng, dropout=0.0)
        times = torch.from_numpy(rng.uniform(*NOISY, len(x))).long().to(x.device)
        noise = torch.randn_like(x)
        noisy = denoiser.scheduler.add_noise(x, noise, times)
        with bf16(x.device):
            each = text.repeat_interleave(FRAMES, dim=0)
            out = video(noisy.repeat(2, 1, 1, 1, 1), times.repeat(2), each).sample
        target = denoiser.scheduler.get_velocity(x, noise, times).repeat(2, 1, 1, 1, 1)
        right, wrong = ((out.float() - target) ** 2).mean(dim=(1, 2, 3, 4)).chunk(2)
        told = 0.3 * right.mean() + WEIGHT * choice(right, wrong) + grammar
        beside = denoiser.moving(video, clips, rng, BESIDE)
        return told + 0.7 * beside + 0.25 * denoiser.stills(clips, rng, recipe.stills)

    fit(run, recipe.seed, loss_of, say)
