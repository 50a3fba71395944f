"""The VAE: trained first, frozen afterwards, and common to all models."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from torch import Tensor

from . import models
from .clips import random_frames
from .optimize import Run, Say, Stage, Team, fit
from .precision import bf16
from .world import SIZE

WHOLE = 0.85  # of the steps see crops, the others whole frames
PRIOR = 1e-4  # what the distance from a normal distribution counts


def train_vae(stage: Stage, seed: int, folder: Path, team: Team, say: Say) -> AutoencoderKL:
    torch.manual_seed(seed)
    vae = models.make_vae().to(team.device)
    with torch.no_grad():  # begin with little noise in the latents, or they are ignored
        vae.quant_conv.bias[models.LATENT_CHANNELS :] -= 4.0
    run = Run("vae", stage, [(vae, 1.0)], folder, team)

    def loss_of(rng: np.random.Generator) -> Tensor:
        # Crops around objects teach more per pixel; whole frames come last.
        whole = run.step > WHOLE * stage.steps
        frames = random_frames(rng, stage.batch, SIZE if whole else SIZE // 2)
        frames = frames.to(team.device)
        with bf16(team.device):
            posterior = vae.encode(frames).latent_dist
            back = vae.decode(posterior.sample()).sample
        back = back.float()
        error = F.l1_loss(back, frames) + F.mse_loss(back, frames)
        # Differences between neighbours: sharp edges count beyond their few pixels.
        edges = sum(F.l1_loss(back.diff(dim=d), frames.diff(dim=d)) for d in (2, 3))
        # Per number, not per image; enough to keep latents smooth and near unit scale.
        prior = posterior.kl().mean() / posterior.mean[0].numel()
        return error + 0.5 * edges + PRIOR * prior

    fit(run, seed, loss_of, say)
    if team.rank == 0 and not (folder / "latents.json").exists():
        frames = random_frames(np.random.default_rng(seed), 512).to(team.device)
        with torch.no_grad():
            latents = vae.encode(frames).latent_dist.mean
        found = {"mean": latents.mean((0, 2, 3)).tolist(), "std": latents.std((0, 2, 3)).tolist()}
        (folder / "latents.json").write_text(json.dumps(found))
    team.wait()
    return load_vae(folder, team)


def load_vae(folder: Path, team: Team) -> AutoencoderKL:
    """The trained VAE, frozen, with latents of mean 0 and standard deviation 1."""
    vae = models.make_vae().to(team.device)
    Run("vae", Stage(0, 0, 0.0), [(vae, 1.0)], folder, team).take_averages()
    found = json.loads((folder / "latents.json").read_text())
    normalize(vae, *(torch.tensor(found[key], device=team.device) for key in ("mean", "std")))
    return vae.eval().requires_grad_(False)


@torch.no_grad()
def normalize(vae: AutoencoderKL, mean: Tensor, std: Tensor) -> None:
    """Rescale the latents, channel by channel, inside the 1 x 1 convolutions at both ends.

    Diffusers knows one scaling factor for all channels, but a channel of small variance
    would drown in noise long before the others.
    """
    into, out_of = vae.quant_conv, vae.post_quant_conv
    count = len(mean)
    into.weight[:count] /= std[:, None, None, None]
    into.bias[:count] = (into.bias[:count] - mean) / std
    into.bias[count:] -= 2 * std.log()  # the other half is the log of the variance
    out_of.bias += out_of.weight[:, :, 0, 0] @ mean
    out_of.weight *= std[None, :, None, None]
    vae.register_to_config(scaling_factor=1.0)
