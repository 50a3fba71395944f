"""The video DiT of the shapes world: a small Latte, on the VAE and the clips of the UNets.

Text goes through a small T5, which first learns by itself to read directions: it takes ten
times the steps that CLIP takes, and on captions alone they cost a minute. Then stage 1 teaches the
spatial blocks on single frames, stage 2 everything on clips, with stills beside them; the text
encoder is trained along.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import LatteTransformer3DModel
from diffusers.models.attention_processor import Attention, AttnProcessor
from torch import Tensor, nn
from transformers import T5Config, T5EncoderModel, T5Tokenizer

from . import models
from .clips import Clips, encode_clips
from .denoiser import GRAMMAR
from .grammar import Grammar
from .loss import velocity_loss
from .optimize import Run, Say, Stage, Team, fit, together
from .recipe import Recipe
from .vae import train_vae
from .world import FRAMES, sample_scene

HEADS, HEAD_WIDTH, LAYERS = 6, 32, 6
TEXT_WIDTH = 128
TEXT_LENGTH = 120  # what LattePipeline pads to


@dataclass(frozen=True)
class DitRecipe:
    """The stages of text encoder and transformer; data and VAE are ``Recipe``'s."""

    text: Stage = Stage(steps=1500, batch=32, rate=2e-3)
    frames: Stage = Stage(steps=4000, batch=48, rate=1e-3, average=0.999)
    video: Stage = Stage(steps=7500, batch=4, rate=8e-4)
    stills: int = 32  # beside every batch of clips: many shapes at many moments, for little
    caption_dropout: float = 0.1
    # Every block looks at time, unlike the UNet's, so clips have to teach the clean end, too.
    moments: tuple[float, float] = (2.0, 1.0)

    def shortened(self, fraction: float) -> DitRecipe:
        """The same run with a fraction of the steps: a weak partner."""
        return replace(
            self,
            frames=replace(self.frames, steps=round(self.frames.steps * fraction)),
            video=replace(self.video, steps=round(self.video.steps * fraction)),
        )


def make_tokenizer() -> T5Tokenizer:
    """A T5 tokenizer that knows each word of the world as one token, and all letters."""
    letters = [chr(c) for c in range(ord("!"), ord("~") + 1) if not chr(c).isupper()]
    pieces = [(f"\N{LOWER ONE EIGHTH BLOCK}{word}", -1.0) for word in models.words()]
    pieces += [(piece, -10.0) for piece in ["\N{LOWER ONE EIGHTH BLOCK}", *letters]]
    special = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -100.0)]
    return T5Tokenizer(vocab=special + pieces, extra_ids=0, model_max_length=TEXT_LENGTH)


def make_text_encoder(tokenizer: T5Tokenizer) -> T5EncoderModel:
    return T5EncoderModel(
        T5Config(
            vocab_size=len(tokenizer),
            d_model=TEXT_WIDTH,
            d_kv=32,
            d_ff=4 * TEXT_WIDTH,
            num_layers=3,
            num_heads=4,
            dropout_rate=0.0,
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=tokenizer.eos_token_id,
        )
    )


def make_transformer() -> LatteTransformer3DModel:
    return LatteTransformer3DModel(
        num_attention_heads=HEADS,
        attention_head_dim=HEAD_WIDTH,
        in_channels=models.LATENT_CHANNELS,
        out_channels=2 * models.LATENT_CHANNELS,  # half of them a variance, which goes unused
        num_layers=LAYERS,
        cross_attention_dim=HEADS * HEAD_WIDTH,
        attention_bias=True,
        sample_size=models.LATENT_SIZE,
        patch_size=2,
        activation_fn="gelu-approximate",
        num_embeds_ada_norm=1000,
        norm_type="ada_norm_single",
        norm_elementwise_affine=False,
        norm_eps=1e-6,
        caption_channels=TEXT_WIDTH,
        video_length=FRAMES,
    )


class VideoDit:
    """The transformer in training, with its text encoder."""

    def __init__(self, recipe: DitRecipe, seed: int, device: torch.device) -> None:
        torch.manual_seed(seed)
        self.device, self.dropout, self.moments = device, recipe.caption_dropout, recipe.moments
        self.tokenizer = make_tokenizer()
        self.scheduler = models.make_scheduler()
        self.text_encoder = make_text_encoder(self.tokenizer).to(device)
        self.grammar = Grammar(self.tokenizer).to(device)
        self.transformer = make_transformer().to(device)
        for block in self.transformer.temporal_transformer_blocks:  # begin by adding nothing
            for layer in (block.attn1.to_out[0], block.ff.net[2]):
                nn.init.zeros_(layer.weight)
                nn.init.zeros_(layer.bias)
        for module in self.transformer.modules():
            if isinstance(module, Attention):
                module.set_processor(AttnProcessor())  # see Denoiser

    @property
    def groups(self) -> list[tuple[nn.Module, float]]:
        return [(self.transformer, 1.0), (self.text_encoder, 1.0), (self.grammar, 1.0)]

    def embed(self, captions: list[str], rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Text and what may be seen of it, ``(b, tokens, width)`` and a bias ``(b, 1, tokens)``.

        And the text encoder's own loss, see ``Grammar``.

        LattePipeline cuts a single prompt to its own tokens, and the empty one to as many;
        in a batch it puts zeros behind each prompt, and leaves the empty one as it is. The
        model has to know both.
        """
        dropped = rng.random(len(captions)) < self.dropout
        kept = ["" if drop else c for drop, c in zip(dropped, captions, strict=True)]
        seen = self._tokens(captions)[1]
        longest = int(seen.sum(dim=1).max())  # behind it nobody looks: most of the work is saved
        ids, mask = (tokens[:, :longest] for tokens in self._tokens(kept))
        text = self.text_encoder(ids, attention_mask=mask)[0]
        grammar = GRAMMAR * self.grammar(kept, ids, text)
        if rng.random() < 0.5:
            seen = seen[:, :longest]
        else:
            empty, alone = self._tokens([""])
            nothing = self.text_encoder(empty, attention_mask=alone)[0]
            text = F.pad(text * mask[..., None], (0, 0, 0, TEXT_LENGTH - longest))
            text = torch.where(
                torch.from_numpy(dropped).to(self.device)[:, None, None], nothing, text
            )
            seen = torch.ones_like(seen)
        return text, (1 - seen.float())[:, None] * -10_000.0, grammar

    def reading(self, captions: list[str]) -> Tensor:
        """The text encoder's own loss, without any picture."""
        ids, mask = self._tokens(captions)
        longest = int(mask.sum(dim=1).max())
        ids, mask = ids[:, :longest], mask[:, :longest]
        return self.grammar(captions, ids, self.text_encoder(ids, attention_mask=mask)[0])

    def _tokens(self, captions: list[str]) -> tuple[Tensor, Tensor]:
        found = self.tokenizer(
            captions, padding="max_length", max_length=TEXT_LENGTH, return_tensors="pt"
        )
        return found.input_ids.to(self.device), found.attention_mask.to(self.device)

    def loss(self, x: Tensor, captions: list[str], rng: np.random.Generator) -> Tensor:
        """``x``: latents ``(b, c, frames, h, w)``; of single frames, no block looks at time."""
        text, bias, grammar = self.embed(captions, rng)
        frames = x.shape[2]

        def predict(noisy: Tensor, times: Tensor) -> Tensor:
            out: Tensor = self.transformer(
                noisy,
                timestep=times,
                encoder_hidden_states=text,
                encoder_attention_mask=bias.repeat_interleave(frames, dim=0),
                enable_temporal_attentions=frames > 1,
            ).sample
            return out.chunk(2, dim=1)[0]

        return velocity_loss(predict, x, self.scheduler, rng, self.moments) + grammar


def train_stages(
    dit: VideoDit, clips: Clips, recipe: DitRecipe, seed: int, folder: Path, team: Team, say: Say
) -> None:
    """All stages, on the checkpoints in ``folder``."""

    def text(rng: np.random.Generator) -> Tensor:
        things = 1 + rng.integers(2, size=recipe.text.batch)
        return dit.reading([sample_scene(rng, int(count)).caption for count in things])

    def stills(rng: np.random.Generator, count: int) -> Tensor:
        x, captions = clips.stills(rng, count)
        return dit.loss(x[:, :, None].to(dit.device), captions, rng)

    def frames(rng: np.random.Generator) -> Tensor:
        return stills(rng, recipe.frames.batch)

    def video(rng: np.random.Generator) -> Tensor:
        latents, scenes = clips.draw(rng, recipe.video.batch)
        x = latents.transpose(1, 2).to(dit.device)
        moving = dit.loss(x, [scene.caption for scene in scenes], rng)
        return moving + stills(rng, recipe.stills)

    fit(Run("dit-text", recipe.text, dit.groups[1:], folder, team), seed, text, say)
    fit(Run("dit-frames", recipe.frames, dit.groups, folder, team), seed, frames, say)
    fit(Run("dit-video", recipe.video, dit.groups, folder, team), seed, video, say)


def train_dit(
    folder: Path, recipe: DitRecipe, data: Recipe, weak: float, processes: int, say: Say
) -> None:
    """Train the transformer and its weak partner; resumes by itself. See ``train.train``."""
    folder.mkdir(parents=True, exist_ok=True)
    together(processes, _work, folder, recipe, data, weak, say)


def _work(team: Team, folder: Path, recipe: DitRecipe, data: Recipe, weak: float, say: Say) -> None:
    vae = train_vae(data.vae, data.seed, folder, team, say)
    clips = encode_clips(vae, data.clips, data.seed, folder, team, say)
    for partner, plan in (("strong", recipe), ("weak", recipe.shortened(weak))):
        where = folder / partner
        where.mkdir(exist_ok=True)
        dit = VideoDit(plan, data.seed, team.device)
        train_stages(dit, clips, plan, data.seed, where, team, say)
