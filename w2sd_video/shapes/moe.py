"""A small DiT-MoE on single frames of the shapes world, by class: color, shape, background."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from w2sd_video.pipelines.dit_moe import DiTMoETransformer2DModel

from . import models
from .clips import Clips, encode_clips
from .loss import velocity_loss
from .optimize import Run, Say, Stage, Team, fit, together
from .recipe import Recipe
from .vae import train_vae
from .world import BACKGROUNDS, COLORS, SHAPES, Scene, Thing

# The classes, in order; what a caption without motion says.
SCENES = [
    Scene((Thing(color, shape),), background)
    for color, shape, background in product(COLORS, SHAPES, BACKGROUNDS)
]
LABELS = {scene.caption: label for label, scene in enumerate(SCENES)}


@dataclass(frozen=True)
class MoeRecipe:
    """One stage; data and VAE are ``Recipe``'s."""

    frames: Stage = Stage(steps=8000, batch=48, rate=1e-3, average=0.999)


def make_transformer() -> DiTMoETransformer2DModel:
    return DiTMoETransformer2DModel(
        sample_size=models.LATENT_SIZE,
        in_channels=models.LATENT_CHANNELS,
        out_channels=models.LATENT_CHANNELS,
        num_attention_heads=4,
        attention_head_dim=32,
        num_layers=4,
        mlp_ratio=3.0,
        num_experts=8,
        num_experts_per_tok=2,
        n_shared_experts=2,
        num_classes=len(SCENES),
    )


def train_moe(folder: Path, recipe: MoeRecipe, data: Recipe, processes: int, say: Say) -> None:
    """Train the mixture; resumes by itself. Its weak partner is its own worst experts."""
    folder.mkdir(parents=True, exist_ok=True)
    together(processes, _work, folder, recipe, data, say)


def _work(team: Team, folder: Path, recipe: MoeRecipe, data: Recipe, say: Say) -> None:
    vae = train_vae(data.vae, data.seed, folder, team, say)
    clips = encode_clips(vae, data.clips, data.seed, folder, team, say).of_one_thing()
    torch.manual_seed(data.seed)
    transformer, scheduler = make_transformer().to(team.device).train(), models.make_scheduler()
    run = Run("moe", recipe.frames, [(transformer, 1.0)], folder, team)

    def loss_of(rng: np.random.Generator) -> Tensor:
        x, labels = frames(clips, rng, recipe.frames.batch)
        x, labels = x.to(team.device), labels.to(team.device)

        def predict(noisy: Tensor, times: Tensor) -> Tensor:
            out: Tensor = transformer(noisy, times, labels).sample
            return out

        return velocity_loss(predict, x, scheduler, rng)

    fit(run, data.seed, loss_of, say)


def frames(clips: Clips, rng: np.random.Generator, count: int) -> tuple[Tensor, Tensor]:
    """Latents of single frames ``(count, c, h, w)`` and their class labels ``(count,)``."""
    latents, scenes = clips.draw(rng, count)
    x = latents[torch.arange(count), torch.from_numpy(rng.integers(latents.shape[1], size=count))]
    return x, torch.tensor([LABELS[scene.without_motion.caption] for scene in scenes])
