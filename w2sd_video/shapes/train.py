"""Train the shapes models: a VAE, an image model, then a motion adapter on top of it.

``train`` runs the stages in order and picks up where it stopped. The weak partner is the
same recipe with a fraction of the steps (``Recipe.shortened``).

Every batch is drawn from (seed, stage, step, rank) alone, so a resumed run sees the same
data as one that was never interrupted.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from diffusers import UNetMotionModel
from torch import Tensor, nn

from .clips import Clips, encode_clips
from .denoiser import Denoiser, begin_video
from .optimize import Run, Say, Team, fit, together
from .recipe import Recipe
from .vae import train_vae
from .world import FRAMES


def train_image(
    denoiser: Denoiser, clips: Clips, recipe: Recipe, folder: Path, team: Team, say: Say
) -> None:
    """Stage 1: text encoder and UNet on single frames."""
    groups: list[tuple[nn.Module, float]] = [
        (denoiser.unet, 1.0),
        (denoiser.text_encoder, 1.0),
        (denoiser.grammar, 1.0),
    ]
    run = Run("image", recipe.image, groups, folder, team)
    fit(run, recipe.seed, lambda rng: denoiser.stills(clips, rng, recipe.image.batch), say)


def train_video(
    denoiser: Denoiser, clips: Clips, recipe: Recipe, folder: Path, team: Team, say: Say
) -> UNetMotionModel:
    """Stage 2: a motion adapter on clips, and everything else at a lower rate.

    The image UNet stays part of the video UNet (the very same modules) and sees single
    frames beside every batch of clips. So one set of weights is both models, as AnimateDiff
    has it, and yet the image layers can adapt to motion.
    """
    video, groups = begin_video(denoiser, recipe)
    run = Run("video", recipe.video, groups, folder, team)

    def loss_of(rng: np.random.Generator) -> Tensor:
        moving = denoiser.moving(video, clips, rng, recipe.video.batch)
        still = denoiser.stills(clips, rng, recipe.stills)
        return moving + still * recipe.stills / (recipe.video.batch * FRAMES) * 2

    fit(run, recipe.seed, loss_of, say)
    return video


# --- the whole run ----------------------------------------------------------------------


def train(folder: Path, recipe: Recipe, weak: float, processes: int, say: Say) -> None:
    """Run all stages of the weak partner, then of the strong model; resumes by itself.

    Args:
        folder: where checkpoints and encoded clips live, about 0.5 GB.
        weak: the weak partner's share of the strong model's steps.
        processes: training processes, one thread each; on an accelerator use 1.
    """
    folder.mkdir(parents=True, exist_ok=True)
    together(processes, _work, folder, recipe, weak, say)


def _work(team: Team, folder: Path, recipe: Recipe, weak: float, say: Say) -> None:
    vae = train_vae(recipe.vae, recipe.seed, folder, team, say)
    clips = encode_clips(vae, recipe.clips, recipe.seed, folder, team, say)
    for partner, plan in (("weak", recipe.shortened(weak)), ("strong", recipe)):
        where = folder / partner
        where.mkdir(exist_ok=True)
        denoiser = Denoiser(plan, team.device)
        train_image(denoiser, clips, plan, where, team, say)
        train_video(denoiser, clips, plan, where, team, say)
