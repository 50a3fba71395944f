"""Train the shapes models: a VAE, an image model, then a motion adapter on top of it.

``train`` runs the stages in order and picks up where it stopped. The weak partner is the
same recipe with a fraction of the steps (``Recipe.shortened``).

Every batch is drawn from (seed, stage, step, rank) alone, so a resumed run sees the same
data as one that was never interrupted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from diffusers import UNet2DConditionModel, UNetMotionModel
from diffusers.models.attention_processor import AttnProcessor
from diffusers.models.unets.unet_motion_model import AnimateDiffTransformer3D
from torch import Tensor, nn

from . import models
from .clips import Clips, encode_clips
from .grammar import Grammar
from .loss import velocity_loss
from .optimize import Run, Say, Stage, Team, fit, together
from .vae import train_vae
from .world import FRAMES

GRAMMAR = 0.1  # what the text encoder's own loss counts


@dataclass(frozen=True)
class Recipe:
    """The whole training run."""

    vae: Stage = Stage(steps=7000, batch=8, rate=1.5e-3)
    image: Stage = Stage(steps=8000, batch=32, rate=6e-4, average=0.999)
    video: Stage = Stage(steps=5600, batch=8, rate=8e-4)
    clips: int = 10_000  # rendered and encoded once; every third shows one object
    stills: int = 16  # frames beside every batch of clips, to keep the image model alive
    alone: int = 700  # first steps of the video stage, on clips of one thing
    caption_dropout: float = 0.1
    seed: int = 0

    def shortened(self, fraction: float) -> Recipe:
        """The same run with a fraction of the image and video steps: a weak partner."""
        return replace(
            self,
            image=replace(self.image, steps=round(self.image.steps * fraction)),
            video=replace(self.video, steps=round(self.video.steps * fraction)),
            alone=round(self.alone * fraction),
        )


class Denoiser:
    """What both stages share: captions, the image UNet, the loss."""

    def __init__(self, recipe: Recipe, device: torch.device) -> None:
        torch.manual_seed(recipe.seed)
        self.device = device
        self.dropout = recipe.caption_dropout
        self.tokenizer = models.make_tokenizer()
        self.scheduler = models.make_scheduler()
        self.text_encoder = models.make_text_encoder(self.tokenizer).to(device)
        self.grammar = Grammar(self.tokenizer).to(device)
        self.unet: UNet2DConditionModel = models.make_unet().to(device)
        # Plain attention: on a CPU the fused kernels are slow backwards at these sizes.
        self.unet.set_attn_processor(AttnProcessor())

    def embed(self, captions: list[str], rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """What the text encoder makes of captions, and its own loss, see ``Grammar``."""
        kept = ["" if rng.random() < self.dropout else caption for caption in captions]
        tokens = self.tokenizer(kept, padding="max_length", truncation=True, return_tensors="pt")
        ids = tokens.input_ids.to(self.device)
        text = self.text_encoder(ids)[0]
        return text, GRAMMAR * self.grammar(kept, ids, text)

    def loss(self, model: nn.Module, x: Tensor, text: Tensor, rng: np.random.Generator) -> Tensor:
        def predict(noisy: Tensor, times: Tensor) -> Tensor:
            return model(noisy, times, text).sample

        return velocity_loss(predict, x, self.scheduler, rng)

    def stills(self, clips: Clips, rng: np.random.Generator, count: int) -> Tensor:
        """The image model's loss on single frames."""
        frames, captions = clips.stills(rng, count)
        text, grammar = self.embed(captions, rng)
        return self.loss(self.unet, frames.to(self.device), text, rng) + grammar


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


def begin_video(
    denoiser: Denoiser, recipe: Recipe
) -> tuple[UNetMotionModel, list[tuple[nn.Module, float]]]:
    """The video UNet before stage 2, and what trains at which rate."""
    torch.manual_seed(recipe.seed)
    adapter = models.make_motion_adapter().to(denoiser.device)
    video = share_layers(UNetMotionModel.from_unet2d(denoiser.unet, adapter), denoiser.unet)
    for module in video.modules():
        if isinstance(module, AnimateDiffTransformer3D):  # start as the image model: add nothing
            nn.init.zeros_(module.proj_out.weight)
            nn.init.zeros_(module.proj_out.bias)
    video.set_attn_processor(AttnProcessor())
    return video, [
        (denoiser.unet, 0.4),
        (denoiser.text_encoder, 0.4),
        (video, 1.0),
        (denoiser.grammar, 0.4),
    ]


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
    single = clips.of_one_thing()

    def loss_of(rng: np.random.Generator) -> Tensor:
        # What a direction is shows soonest where there is one thing to move.
        source = single if run.step < recipe.alone else clips
        latents, scenes = source.draw(rng, recipe.video.batch)
        text, grammar = denoiser.embed([s.caption for s in scenes], rng)
        x = latents.transpose(1, 2).to(denoiser.device)
        each = text.repeat_interleave(FRAMES, dim=0)
        moving = denoiser.loss(video, x, each, rng) + grammar
        still = denoiser.stills(clips, rng, recipe.stills)
        return moving + still * recipe.stills / (recipe.video.batch * FRAMES) * 2

    fit(run, recipe.seed, loss_of, say)
    return video


def share_layers(video: UNetMotionModel, image: UNet2DConditionModel) -> UNetMotionModel:
    """Make the image UNet's layers those of the video UNet, not copies of them."""
    for name in ("conv_in", "time_embedding", "conv_norm_out", "conv_out"):
        setattr(video, name, getattr(image, name))
    blocks = [
        *zip(video.down_blocks, image.down_blocks, strict=True),
        (video.mid_block, image.mid_block),
        *zip(video.up_blocks, image.up_blocks, strict=True),
    ]
    for moving, still in blocks:
        for name in ("resnets", "attentions", "downsamplers", "upsamplers"):
            if getattr(still, name, None) is not None:
                setattr(moving, name, getattr(still, name))
    return video


# --- the whole run ----------------------------------------------------------------------


def train(folder: Path, recipe: Recipe, weak: float, processes: int, say: Say) -> None:
    """Run all stages of the strong model, then of its weak partner; resumes by itself.

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
    for partner, plan in (("strong", recipe), ("weak", recipe.shortened(weak))):
        where = folder / partner
        where.mkdir(exist_ok=True)
        denoiser = Denoiser(plan, team.device)
        train_image(denoiser, clips, plan, where, team, say)
        train_video(denoiser, clips, plan, where, team, say)
