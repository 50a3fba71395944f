"""From checkpoints to the shipped folders: one diffusers folder a model, in float16, with a
"weak" variant beside the strong weights.

The folder of the UNets loads as ``AnimateDiffPipeline`` and as ``StableDiffusionPipeline``: the
video model is the image model and a motion adapter.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from w2sd_video.pipelines.dit_moe import DiTMoEPipeline

from . import models, moe
from .denoiser import Denoiser, begin_video
from .dit import DitRecipe, VideoDit
from .optimize import Run, Stage, Team, step_of
from .recipe import Recipe
from .vae import load_vae

UNET = {
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
DIT = {
    "_class_name": "LattePipeline",
    "scheduler": ["diffusers", "DDIMScheduler"],
    "text_encoder": ["transformers", "T5EncoderModel"],
    "tokenizer": ["transformers", "T5Tokenizer"],
    "transformer": ["diffusers", "LatteTransformer3DModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}
STEPS = "training.json"  # how many steps each partner's stages took
PARTNERS = (("strong", None), ("weak", "weak"))  # the training's folders, and the variants


def export_unet(folder: Path, weights: Path) -> None:
    """Write the averaged weights of the image and the video model.

    Args:
        folder: where training left its checkpoints.
        weights: the folder to write; one that is such a model is replaced as a whole.

    Raises:
        FileNotFoundError: if a stage has left no checkpoint.
        FileExistsError: if the folder holds anything else.
    """
    _check(folder, weights, ["vae", *(f"{p}/{s}" for p, _ in PARTNERS for s in ("image", "video"))])
    recipe, team = Recipe(), Team()
    steps: dict[str, dict[str, int]] = {}
    with _written(weights) as new:
        for partner, variant in PARTNERS:
            denoiser = Denoiser(recipe, team.device)
            video, groups = begin_video(denoiser, recipe)
            run = Run("video", Stage(0, 0, 0.0), groups, folder / partner, team)
            run.take_averages()
            steps[partner] = {"image": step_of(folder / partner / "image"), "video": run.step}
            adapter = models.make_motion_adapter()
            motion = {k: v for k, v in video.state_dict().items() if "motion_modules" in k}
            adapter.load_state_dict(motion)
            denoiser.unet.half().save_pretrained(new / "unet", variant=variant)
            adapter.half().save_pretrained(new / "motion_adapter", variant=variant)
            # Small, and transformers loads it as it is stored while diffusers casts the rest.
            denoiser.text_encoder.float().save_pretrained(new / "text_encoder", variant=variant)
        load_vae(folder, team).half().save_pretrained(new / "vae")
        denoiser.tokenizer.save_pretrained(new / "tokenizer")
        denoiser.scheduler.save_pretrained(new / "scheduler")
        (new / "model_index.json").write_text(json.dumps(UNET, indent=2) + "\n")
        (new / STEPS).write_text(json.dumps(steps) + "\n")


def export_dit(folder: Path, weights: Path) -> None:
    """Likewise the video DiT."""
    _check(folder, weights, ["vae", *(f"{partner}/dit-video" for partner, _ in PARTNERS)])
    team = Team()
    with _written(weights) as new:
        for partner, variant in PARTNERS:
            dit = VideoDit(DitRecipe(), 0, team.device)
            Run("dit-video", Stage(0, 0, 0.0), dit.groups, folder / partner, team).take_averages()
            dit.transformer.half().save_pretrained(new / "transformer", variant=variant)
            dit.text_encoder.float().save_pretrained(new / "text_encoder", variant=variant)
        load_vae(folder, team).half().save_pretrained(new / "vae")
        dit.tokenizer.save_pretrained(new / "tokenizer")
        dit.scheduler.save_pretrained(new / "scheduler")
        (new / "model_index.json").write_text(json.dumps(DIT, indent=2) + "\n")


def export_moe(folder: Path, weights: Path) -> None:
    """Likewise the mixture of experts, which is its own weak partner."""
    _check(folder, weights, ["vae", "moe"])
    team, transformer = Team(), moe.make_transformer()
    Run("moe", Stage(0, 0, 0.0), [(transformer, 1.0)], folder, team).take_averages()
    pipe = DiTMoEPipeline(
        transformer.half(),
        load_vae(folder, team).half(),
        models.make_scheduler(),
        id2label={label: caption for caption, label in moe.LABELS.items()},
    )
    with _written(weights) as new:
        pipe.save_pretrained(new)


def _check(folder: Path, weights: Path, stages: Iterable[str]) -> None:
    """See that there is all to export, and that it overwrites nothing but its like."""
    for stage in stages:
        if not (folder / f"{stage}.safetensors").is_file():
            raise FileNotFoundError(
                f"{folder} has no checkpoint {stage}.safetensors; train that model to its end"
            )
    inside = folder.resolve().is_relative_to(weights.resolve())
    filled = weights.exists() and (not weights.is_dir() or any(weights.iterdir()))
    if inside or (filled and not (weights / "model_index.json").is_file()):
        raise FileExistsError(
            f"{weights} holds other files, which would be lost; name a new folder"
        )


@contextmanager
def _written(weights: Path) -> Iterator[Path]:
    """A folder that takes the place of ``weights`` once it is complete."""
    new = weights.with_name(weights.name + ".new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    yield new
    shutil.rmtree(weights, ignore_errors=True)
    new.rename(weights)
