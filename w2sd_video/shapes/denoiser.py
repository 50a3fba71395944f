"""The UNets in training: image layers, motion modules, text encoder, and their losses."""

from __future__ import annotations

import numpy as np
import torch
from diffusers import UNet2DConditionModel, UNetMotionModel
from diffusers.models.attention_processor import AttnProcessor
from diffusers.models.unets.unet_motion_model import AnimateDiffTransformer3D
from torch import Tensor, nn

from . import models
from .clips import Clips
from .grammar import Grammar
from .loss import velocity_loss
from .recipe import Recipe
from .world import FRAMES

GRAMMAR = 0.1  # what the text encoder's own loss counts


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

    def embed(
        self, captions: list[str], rng: np.random.Generator, dropout: float | None = None
    ) -> tuple[Tensor, Tensor]:
        """What the text encoder makes of captions, and its own loss, see ``Grammar``."""
        dropout = self.dropout if dropout is None else dropout
        kept = ["" if rng.random() < dropout else caption for caption in captions]
        tokens = self.tokenizer(kept, padding="max_length", truncation=True, return_tensors="pt")
        ids = tokens.input_ids.to(self.device)
        text = self.text_encoder(ids)[0]
        return text, GRAMMAR * self.grammar(kept, ids, text)

    def loss(self, model: nn.Module, x: Tensor, text: Tensor, rng: np.random.Generator) -> Tensor:
        def predict(noisy: Tensor, times: Tensor) -> Tensor:
            return model(noisy, times, text).sample

        return velocity_loss(predict, x, self.scheduler, rng)

    def moving(
        self, video: UNetMotionModel, clips: Clips, rng: np.random.Generator, count: int
    ) -> Tensor:
        """The video model's loss on clips."""
        latents, scenes = clips.draw(rng, count)
        text, grammar = self.embed([scene.caption for scene in scenes], rng)
        x = latents.transpose(1, 2).to(self.device)
        return self.loss(video, x, text.repeat_interleave(FRAMES, dim=0), rng) + grammar

    def stills(self, clips: Clips, rng: np.random.Generator, count: int) -> Tensor:
        """The image model's loss on single frames."""
        frames, captions = clips.stills(rng, count)
        text, grammar = self.embed(captions, rng)
        return self.loss(self.unet, frames.to(self.device), text, rng) + grammar


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
