"""From checkpoints to the shipped folder: one diffusers folder with a "weak" variant.

``AnimateDiffPipeline.from_pretrained`` and ``StableDiffusionPipeline.from_pretrained`` both
load it: the video model is the image model and a motion adapter.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

from . import models
from .optimize import Run, Team
from .train import Denoiser, Recipe, begin_video
from .vae import load_vae

INDEX = {
    "_class_name": "AnimateDiffPipeline",
    "feature_extractor": [None, None],
    "image_encoder": [None, None],
    "motion_adapter": ["diffusers", "MotionAdapter"],
    "scheduler": ["diffusers", "DDIMScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}


def export(folder: Path, weights: Path) -> None:
    """Write the averaged weights of a training folder, in float16.

    Args:
        folder: where ``train`` left its checkpoints.
        weights: the folder to write; replaced as a whole.
    """
    recipe, team = Recipe(), Team()
    temporary = weights.with_name(weights.name + ".new")
    shutil.rmtree(temporary, ignore_errors=True)
    vae = load_vae(folder, team)
    for partner, variant in (("strong", None), ("weak", "weak")):
        denoiser = Denoiser(recipe, team.device)
        video, groups = begin_video(denoiser, recipe)
        stage = replace(recipe.video, steps=0)
        Run("video", stage, groups, folder / partner, team).take_averages()
        adapter = models.make_motion_adapter()
        motion = {k: v for k, v in video.state_dict().items() if "motion_modules" in k}
        adapter.load_state_dict(motion)
        denoiser.unet.half().save_pretrained(temporary / "unet", variant=variant)
        adapter.half().save_pretrained(temporary / "motion_adapter", variant=variant)
        # Small, and transformers loads it as it is stored while diffusers casts the rest.
        denoiser.text_encoder.float().save_pretrained(temporary / "text_encoder", variant=variant)
    vae.half().save_pretrained(temporary / "vae")
    denoiser.tokenizer.save_pretrained(temporary / "tokenizer")
    denoiser.scheduler.save_pretrained(temporary / "scheduler")
    (temporary / "model_index.json").write_text(json.dumps(INDEX, indent=2) + "\n")
    shutil.rmtree(weights, ignore_errors=True)
    temporary.rename(weights)
