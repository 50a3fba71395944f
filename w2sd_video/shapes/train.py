"""Train the shapes models: a VAE, an image model, then a motion adapter on top of it.

``train`` runs the stages in order and picks up where it stopped. The weak partner is the
same recipe with a fraction of the steps (``Recipe.shortened``).

Every batch is drawn from (seed, stage, step, rank) alone, so a resumed run sees the same
data as one that was never interrupted.
"""

from __future__ import annotations

import json
import socket
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, UNet2DConditionModel, UNetMotionModel
from diffusers.models.attention_processor import AttnProcessor
from diffusers.models.unets.unet_motion_model import AnimateDiffTransformer3D
from torch import Tensor, nn

from . import models
from .optimize import Run, Say, Stage, Team, fit
from .world import FRAMES, SIZE, Scene, draw, sample_clip, sample_paths, sample_scene


@dataclass(frozen=True)
class Recipe:
    """The whole training run."""

    vae: Stage = Stage(steps=7000, batch=8, rate=1.5e-3)
    image: Stage = Stage(steps=8000, batch=32, rate=6e-4, average=0.999)
    video: Stage = Stage(steps=4000, batch=8, rate=8e-4)
    clips: int = 10_000  # rendered and encoded once; every third shows one object
    stills: int = 16  # frames beside every batch of clips, to keep the image model alive
    caption_dropout: float = 0.1
    seed: int = 0

    def shortened(self, fraction: float) -> Recipe:
        """The same run with a fraction of the image and video steps: a weak partner."""
        return replace(
            self,
            image=replace(self.image, steps=round(self.image.steps * fraction)),
            video=replace(self.video, steps=round(self.video.steps * fraction)),
        )


def bf16(device: torch.device) -> torch.autocast:
    return torch.autocast(device.type, torch.bfloat16)


# --- stage 0: the VAE ----------------------------------------------------------------


def random_frames(rng: np.random.Generator, count: int, crop: int = SIZE) -> Tensor:
    """Single frames of random scenes, ``(count, 3, crop, crop)`` in [-1, 1].

    A crop smaller than the frame lies around one of the objects.
    """
    frames = []
    for _ in range(count):
        scene = sample_scene(rng, 1 + int(rng.random() < 0.6))
        centres, radii = sample_paths(scene, rng)
        moment = int(rng.integers(FRAMES))
        frame = draw(scene, centres[moment : moment + 1], radii)
        corner = centres[moment, rng.integers(len(radii))] - crop / 2 + rng.uniform(-14, 14, 2)
        x, y = np.clip(np.rint(corner), 0, SIZE - crop).astype(int)
        frames.append(frame[:, y : y + crop, x : x + crop])
    return to_model(np.concatenate(frames))


def to_model(frames: np.ndarray) -> Tensor:
    """uint8 ``(n, h, w, 3)`` to float ``(n, 3, h, w)`` in [-1, 1]."""
    return torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 127.5 - 1.0


def train_vae(recipe: Recipe, folder: Path, team: Team, say: Say) -> AutoencoderKL:
    torch.manual_seed(recipe.seed)
    vae = models.make_vae().to(team.device)
    with torch.no_grad():  # begin with little noise in the latents, or they are ignored
        vae.quant_conv.bias[models.LATENT_CHANNELS :] -= 4.0
    run = Run("vae", recipe.vae, [(vae, 1.0)], folder, team)

    def loss_of(rng: np.random.Generator) -> Tensor:
        # Crops around objects teach more per pixel; whole frames come last.
        whole = run.step > 0.75 * recipe.vae.steps
        frames = random_frames(rng, recipe.vae.batch, SIZE if whole else SIZE // 2)
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
        return error + 0.5 * edges + 4e-4 * prior

    fit(run, recipe.seed, loss_of, say)
    if team.rank == 0 and not (folder / "latents.json").exists():
        frames = random_frames(np.random.default_rng(recipe.seed), 512).to(team.device)
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


# --- the data of stages 1 and 2: clips as latents ---------------------------------------


@dataclass(frozen=True)
class Clips:
    """Encoded training clips: latents ``(n, frames, c, h, w)`` float16, and scenes."""

    latents: np.ndarray
    scenes: list[Scene]

    def draw(self, rng: np.random.Generator, count: int) -> tuple[Tensor, list[Scene]]:
        rows = np.sort(rng.choice(len(self.scenes), count, replace=False))
        latents = torch.from_numpy(self.latents[rows].astype(np.float32))
        return latents, [self.scenes[row] for row in rows]


def scenes_of(recipe: Recipe) -> list[Scene]:
    """The scenes of the training clips: every third has one object, the others two."""
    rngs = (np.random.default_rng([recipe.seed, 1, i]) for i in range(recipe.clips))
    return [sample_scene(rng, 1 if i % 3 == 0 else 2) for i, rng in enumerate(rngs)]


def encode_clips(vae: AutoencoderKL, recipe: Recipe, folder: Path, team: Team, say: Say) -> Clips:
    """Render and encode the training clips, once; each process does its share."""
    scenes, done = scenes_of(recipe), folder / "clips.done"
    shape = (recipe.clips, FRAMES, models.LATENT_CHANNELS, models.LATENT_SIZE, models.LATENT_SIZE)
    file = folder / "clips.npy"
    if not done.exists():
        if team.rank == 0:
            np.lib.format.open_memmap(file, "w+", np.float16, shape).flush()
        team.wait()
        store = np.lib.format.open_memmap(file, "r+")
        shown = time.monotonic()
        for index in range(team.rank, recipe.clips, team.size):
            rng = np.random.default_rng([recipe.seed, 2, index])
            frames = to_model(sample_clip(scenes[index], rng)).to(team.device)
            with torch.no_grad():
                # The mean: the decoder was trained to bear the little noise around it.
                latents = vae.encode(frames).latent_dist.mean
            store[index] = latents.cpu().numpy().astype(np.float16)
            if team.rank == 0 and time.monotonic() - shown > 20:
                say(f"clips: {index}/{recipe.clips} encoded")
                shown = time.monotonic()
        store.flush()
        team.wait()
        if team.rank == 0:
            done.touch()
    return Clips(np.load(file, mmap_mode="r"), scenes)


# --- stages 1 and 2: the denoisers ------------------------------------------------------


class Denoiser:
    """What both stages share: captions, noise, the v-prediction loss."""

    def __init__(self, recipe: Recipe, device: torch.device) -> None:
        torch.manual_seed(recipe.seed)
        self.device = device
        self.dropout = recipe.caption_dropout
        self.tokenizer = models.make_tokenizer()
        self.scheduler = models.make_scheduler()
        self.text_encoder = models.make_text_encoder(self.tokenizer).to(device)
        self.unet: UNet2DConditionModel = models.make_unet().to(device)
        # Plain attention: on a CPU the fused kernels are slow backwards at these sizes.
        self.unet.set_attn_processor(AttnProcessor())

    def embed(self, captions: list[str], rng: np.random.Generator) -> Tensor:
        kept = ["" if rng.random() < self.dropout else caption for caption in captions]
        ids = self.tokenizer(kept, padding="max_length", truncation=True, return_tensors="pt")
        return self.text_encoder(ids.input_ids.to(self.device))[0]

    def loss(self, model: nn.Module, x: Tensor, text: Tensor, rng: np.random.Generator) -> Tensor:
        """MSE of v. ``x``: ``(b, c, h, w)`` or, for clips, ``(b, c, frames, h, w)``."""
        # Mostly where something is decided: neither almost clean nor almost pure noise.
        times = torch.from_numpy(rng.beta(1.6, 1.8, len(x)) * 1000).long().to(self.device)
        noise = torch.randn_like(x)
        noisy = self.scheduler.add_noise(x, noise, times)
        with bf16(self.device):
            out = model(noisy, times, text).sample
        return F.mse_loss(out.float(), self.scheduler.get_velocity(x, noise, times))

    def stills(self, clips: Clips, rng: np.random.Generator, count: int) -> Tensor:
        """The image model's loss on single frames; half of the captions leave motion out."""
        latents, scenes = clips.draw(rng, count)
        frames = latents[torch.arange(count), torch.from_numpy(rng.integers(FRAMES, size=count))]
        captions = [
            (scene if rng.random() < 0.5 else scene.without_motion).caption for scene in scenes
        ]
        text = self.embed(captions, rng)
        return self.loss(self.unet, frames.to(self.device), text, rng)


def train_image(
    denoiser: Denoiser, clips: Clips, recipe: Recipe, folder: Path, team: Team, say: Say
) -> None:
    """Stage 1: text encoder and UNet on single frames."""
    groups: list[tuple[nn.Module, float]] = [(denoiser.unet, 1.0), (denoiser.text_encoder, 1.0)]
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
    return video, [(denoiser.unet, 0.4), (denoiser.text_encoder, 0.4), (video, 1.0)]


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
        latents, scenes = clips.draw(rng, recipe.video.batch)
        text = denoiser.embed([s.caption for s in scenes], rng).repeat_interleave(FRAMES, dim=0)
        x = latents.transpose(1, 2).to(denoiser.device)
        moving = denoiser.loss(video, x, text, rng)
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
    if processes == 1:
        _work(0, 1, 0, folder, recipe, weak, say)
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    torch.multiprocessing.spawn(
        _work, (processes, port, folder, recipe, weak, say), nprocs=processes
    )


def _work(
    rank: int, size: int, port: int, folder: Path, recipe: Recipe, weak: float, say: Say
) -> None:
    if size > 1:
        torch.set_num_threads(1)
    team = Team(rank, size, port)
    vae = train_vae(recipe, folder, team, say)
    clips = encode_clips(vae, recipe, folder, team, say)
    for partner, plan in (("strong", recipe), ("weak", recipe.shortened(weak))):
        where = folder / partner
        where.mkdir(exist_ok=True)
        denoiser = Denoiser(plan, team.device)
        train_image(denoiser, clips, plan, where, team, say)
        train_video(denoiser, clips, plan, where, team, say)
