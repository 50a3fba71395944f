"""From a shipped folder back to checkpoints, so that training can go on where it was shipped.

What is shipped are averaged weights in float16, so the optimizer begins anew and the run is not the
one that an uninterrupted training would have been.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from diffusers import AutoencoderKL, MotionAdapter, UNet2DConditionModel
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import CLIPTextModel

from . import models
from .denoiser import Denoiser, begin_video
from .export import PARTNERS, STEPS
from .recipe import Recipe


def restore_unet(weights: Path, folder: Path) -> None:
    """Write the checkpoints of the UNets' last stage, and of the VAE.

    Args:
        weights: a folder that ``export_unet`` wrote.
        folder: of the checkpoints, for ``train`` to go on with.

    Raises:
        FileExistsError: if there are checkpoints in it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.rglob("*.safetensors")):
        raise FileExistsError(f"{folder} has checkpoints")
    vae = AutoencoderKL.from_pretrained(weights / "vae")
    _save(folder / "vae.safetensors", [vae], Recipe().vae.steps)
    count = models.LATENT_CHANNELS  # they are normalized already
    latents = {"mean": [0.0] * count, "std": [1.0] * count}
    (folder / "latents.json").write_text(json.dumps(latents))
    steps = json.loads((weights / STEPS).read_text())
    for partner, variant in PARTNERS:
        (folder / partner).mkdir(exist_ok=True)
        denoiser = Denoiser(Recipe(), torch.device("cpu"))
        video, groups = begin_video(denoiser, Recipe())
        unet = UNet2DConditionModel.from_pretrained(weights / "unet", variant=variant)
        adapter = MotionAdapter.from_pretrained(weights / "motion_adapter", variant=variant)
        text = CLIPTextModel.from_pretrained(weights / "text_encoder", variant=variant)
        denoiser.unet.load_state_dict(unet.state_dict())
        denoiser.text_encoder.load_state_dict(text.state_dict())
        video.load_state_dict(adapter.state_dict(), strict=False)
        modules = [module for module, _ in groups]
        _save(folder / partner / "video.safetensors", modules, steps[partner]["video"])
        # Stage 1 is done: what it left has gone on into stage 2.
        image = [denoiser.unet, denoiser.text_encoder, denoiser.grammar]
        _save(folder / partner / "image.safetensors", image, steps[partner]["image"])


def _save(file: Path, modules: list[nn.Module], step: int) -> None:
    """A checkpoint as ``optimize.Run`` has it, without an optimizer's state."""
    tensors: dict[str, Tensor] = {}
    seen: set[int] = set()
    for index, module in enumerate(modules):
        for key, p in module.named_parameters():
            if id(p) not in seen:
                seen.add(id(p))
                value = p.detach().float().contiguous()
                tensors[f"weight.{index}.{key}"] = value
                tensors[f"average.{index}.{key}"] = value.clone()
    save_file(tensors, file, metadata={"step": str(step)})
