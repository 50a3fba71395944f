"""The video DiT: trained for a few steps, and as LattePipeline sees it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import LattePipeline
from safetensors.torch import load_file

from w2sd_video.shapes import models
from w2sd_video.shapes.dit import DitRecipe, VideoDit, train_dit
from w2sd_video.shapes.export import export_dit
from w2sd_video.shapes.measure import grade_pipeline
from w2sd_video.shapes.optimize import Stage
from w2sd_video.shapes.world import Scene, Thing

from .conftest import DATA, silent

RECIPE = DitRecipe(
    text=Stage(steps=2, batch=2, rate=1e-3),
    frames=Stage(steps=2, batch=2, rate=1e-3),
    video=Stage(steps=2, batch=1, rate=1e-3),
    stills=2,
)


@pytest.fixture(scope="module")
def dit() -> VideoDit:
    return VideoDit(RECIPE, 0, torch.device("cpu"))


@pytest.mark.slow
def test_train_resume_export_and_sample(data: Path) -> None:
    train_dit(data, RECIPE, DATA, 0.5, 1, silent)
    ends = [
        data / who / f"dit-{stage}.safetensors"
        for who in ("strong", "weak")
        for stage in ("text", "frames", "video")
    ]
    before = [file.stat().st_mtime_ns for file in ends]
    train_dit(data, RECIPE, DATA, 0.5, 1, silent)  # everything is done already
    assert [file.stat().st_mtime_ns for file in ends] == before
    weights = data / "weights"
    export_dit(data, weights)
    averages = load_file(ends[2])
    shipped = load_file(weights / "transformer" / "diffusion_pytorch_model.safetensors")
    for key, tensor in shipped.items():
        if f"average.0.{key}" in averages:
            assert torch.equal(tensor, averages[f"average.0.{key}"].half())
    for variant in (None, "weak"):
        pipe = LattePipeline.from_pretrained(weights, variant=variant)
        pipe.set_progress_bar_config(disable=True)
        scene = Scene((Thing("red", "circle", "left"),), "white")
        pairs = [(scene, 0)]
        assert len(list(grade_pipeline(pipe, pairs, kind="dit", num_inference_steps=1))) == 1


def test_size() -> None:
    dit = VideoDit(RECIPE, 0, torch.device("cpu"))
    transformer = sum(p.numel() for p in dit.transformer.parameters())
    text = sum(p.numel() for p in dit.text_encoder.parameters())
    assert 2 * transformer + 4 * text < 16e6  # bytes in float16, the text encoder in float32


def test_words_are_single_tokens(dit: VideoDit) -> None:
    assert len(dit.tokenizer("a red ring moving left on a white background").input_ids) == 10
    assert dit.tokenizer("a foxy ring").input_ids.count(dit.tokenizer.unk_token_id) == 0


def pipeline(dit: VideoDit) -> LattePipeline:
    return LattePipeline(
        dit.tokenizer, dit.text_encoder, models.make_vae(), dit.transformer, dit.scheduler
    )


class Fixed:
    """A random generator that decides as told: which captions drop out, and which style."""

    def __init__(self, dropped: list[bool], single: bool) -> None:
        self.answers = [np.where(dropped, 0.0, 1.0), 0.0 if single else 1.0]

    def random(self, *_: object) -> object:
        return self.answers.pop(0)


@torch.no_grad()
def test_training_embeds_text_as_the_pipeline_does(dit: VideoDit) -> None:
    pipe, long = pipeline(dit), "a red ring moving left and a blue cross moving up"
    prompt, negative = pipe.encode_prompt("a ring")  # cut to its tokens
    text, bias, _ = dit.embed(["a ring", long], Fixed([False, False], single=True))
    seen = bias[0, 0] == 0
    assert torch.allclose(text[0][seen], prompt[0], atol=1e-6)
    empty, bias, _ = dit.embed(["a ring", long], Fixed([True, True], single=True))
    assert torch.allclose(empty[0][bias[0, 0] == 0], negative[0], atol=1e-6)

    prompts, negatives = pipe.encode_prompt(["a ring", long])
    text, bias, _ = dit.embed(["a ring", long], Fixed([False, True], single=False))
    assert not bias.any()
    assert torch.allclose(text[0], prompts[0], atol=1e-6)
    assert torch.allclose(text[1], negatives[1], atol=1e-6)


@torch.no_grad()
def test_a_mask_in_training_is_a_cut_in_sampling(dit: VideoDit) -> None:
    x, t = torch.randn(1, 4, 2, 16, 16), torch.tensor([500])
    text = torch.randn(1, 12, 128)
    bias = torch.zeros(1, 1, 12)
    bias[..., 5:] = -10_000.0
    masked = dit.transformer(x, t, text, bias.repeat_interleave(2, dim=0), False).sample
    cut = dit.transformer(x, t, text[:, :5], enable_temporal_attentions=False).sample
    assert torch.allclose(masked, cut, atol=1e-5)
