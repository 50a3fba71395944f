"""Training data: frames, and clips encoded once as latents."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor

from . import models
from .optimize import Say, Team
from .precision import bf16
from .world import FRAMES, SIZE, Scene, draw, sample_clip, sample_paths, sample_scene

FIRST = 4  # frames of a clip that a still with a direction in its caption is one of


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


@dataclass(frozen=True)
class Clips:
    """Encoded training clips: latents ``(n, frames, c, h, w)`` float16, and scenes."""

    latents: np.ndarray
    scenes: list[Scene]

    def draw(self, rng: np.random.Generator, count: int) -> tuple[Tensor, list[Scene]]:
        rows = np.sort(rng.choice(len(self.scenes), count, replace=False))
        latents = torch.from_numpy(self.latents[rows].astype(np.float32))
        return latents, [self.scenes[row] for row in rows]

    def stills(self, rng: np.random.Generator, count: int) -> tuple[Tensor, list[str]]:
        """Single frames ``(count, c, h, w)``; half of the captions leave motion out.

        Of the others the frame is one of the clip's first, where things are on the side that
        they come from. If no still depended on the words of direction, the text encoder would
        make them one and attention pass over them, and then clips can't teach them either.
        """
        latents, scenes = self.draw(rng, count)
        moving = rng.random(count) < 0.5
        moments = rng.integers(np.where(moving, FIRST, FRAMES))
        frames = latents[torch.arange(count), torch.from_numpy(moments)]
        captions = [
            (scene if told else scene.without_motion).caption
            for scene, told in zip(scenes, moving, strict=True)
        ]
        return frames, captions

    def of_one_thing(self) -> Clips:
        """Only the clips that show a single object."""
        rows = [i for i, scene in enumerate(self.scenes) if len(scene.things) == 1]
        return Clips(self.latents[rows], [self.scenes[row] for row in rows])


def scenes_of(count: int, seed: int) -> list[Scene]:
    """The scenes of the training clips: every third has one object, the others two."""
    rngs = (np.random.default_rng([seed, 1, i]) for i in range(count))
    return [sample_scene(rng, 1 if i % 3 == 0 else 2) for i, rng in enumerate(rngs)]


def encode_clips(
    vae: AutoencoderKL, count: int, seed: int, folder: Path, team: Team, say: Say
) -> Clips:
    """Render and encode the training clips, once; each process does its share."""
    scenes, done = scenes_of(count, seed), folder / "clips.done"
    shape = (count, FRAMES, models.LATENT_CHANNELS, models.LATENT_SIZE, models.LATENT_SIZE)
    file = folder / "clips.npy"
    if not done.exists():
        if team.rank == 0:
            np.lib.format.open_memmap(file, "w+", np.float16, shape).flush()
        team.wait()
        store = np.lib.format.open_memmap(file, "r+")
        shown = time.monotonic()
        for index in range(team.rank, count, team.size):
            rng = np.random.default_rng([seed, 2, index])
            frames = to_model(sample_clip(scenes[index], rng)).to(team.device)
            with torch.no_grad(), bf16(team.device):
                # The mean: the decoder was trained to bear the little noise around it.
                latents = vae.encode(frames).latent_dist.mean
            store[index] = latents.float().cpu().numpy().astype(np.float16)
            if team.rank == 0 and time.monotonic() - shown > 20:
                say(f"clips: {index}/{count} encoded")
                shown = time.monotonic()
        store.flush()
        team.wait()
        if team.rank == 0:
            done.touch()
    return Clips(np.load(file, mmap_mode="r"), scenes)
