"""The transformer of DiT-MoE (arXiv 2407.11633), of diffusers' own building blocks.

It is DiT (arXiv 2212.09748) with every feed-forward layer replaced by sparse experts. A block::

    x = x + g1 * Attention(modulate(LN x; shift1, scale1))
    x = x + g2 * Experts(modulate(LN x; shift2, scale2))

where the six vectors come from time and class, and modulate is ``(1 + scale) * x + shift``.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.attention_processor import Attention
from diffusers.models.embeddings import LabelEmbedding, PatchEmbed, TimestepEmbedding, Timesteps
from diffusers.models.modeling_outputs import Transformer2DModelOutput
from diffusers.models.modeling_utils import ModelMixin
from diffusers.models.normalization import AdaLayerNormContinuous, AdaLayerNormZero
from einops import rearrange
from torch import Tensor, nn

from .experts import MoEFeedForward

EPS = 1e-6
NULL_CLASS = 1000  # what diffusers' DiTPipeline calls "no class", whatever the model


def _size(heads: int, width: int, layers: int, experts: int, flow: bool = False) -> dict[str, Any]:
    config: dict[str, Any] = {
        "num_attention_heads": heads,
        "attention_head_dim": width,
        "num_layers": layers,
        "num_experts": experts,
    }
    return {**config, "qk_norm": "layer_norm", "timestep_scale": 1e-3} if flow else config


# The published checkpoints by name: size / patch - experts E, of them active A. The two large
# ones normalise queries and keys and are rectified flows, the others predict epsilon.
SIZES: dict[str, dict[str, Any]] = {
    "S/2-8E2A": _size(6, 64, 12, 8),
    "S/2-16E2A": _size(6, 64, 12, 16),
    "B/2-8E2A": _size(12, 64, 12, 8),
    "XL/2-8E2A": _size(16, 72, 28, 8, flow=True),
    "G/2-16E2A": _size(16, 88, 40, 16, flow=True),
}


class DiTMoEBlock(nn.Module):
    """Attention and experts, each behind an adaLN-Zero modulation.

    Args:
        dim: width of a token, ``heads * head_dim``.
        heads, head_dim: of the attention.
        qk_norm: None, or "layer_norm" over each head's queries and keys.
        experts: the remaining arguments of ``MoEFeedForward``.
    """

    def __init__(
        self, dim: int, heads: int, head_dim: int, qk_norm: str | None, **experts: Any
    ) -> None:
        super().__init__()
        self.norm1 = AdaLayerNormZero(dim)
        self.attn = Attention(
            dim, heads=heads, dim_head=head_dim, bias=True, qk_norm=qk_norm, eps=EPS
        )
        self.norm2 = nn.LayerNorm(dim, elementwise_affine=False, eps=EPS)
        self.moe = MoEFeedForward(dim, **experts)

    def forward(self, hidden_states: Tensor, temb: Tensor) -> Tensor:
        """``(batch, tokens, dim)`` to the same; ``temb (batch, dim)`` is time and class."""
        x, gate_msa, shift, scale, gate_mlp = self.norm1(hidden_states, emb=temb)
        hidden_states = hidden_states + gate_msa[:, None] * self.attn(x)
        x = self.norm2(hidden_states) * (1 + scale[:, None]) + shift[:, None]
        return hidden_states + gate_mlp[:, None] * self.moe(x)


class DiTMoETransformer2DModel(ModelMixin, ConfigMixin):
    """DiT-MoE: noisy latents, a timestep and a class to the model's prediction.

    The defaults are those of S/2-8E2A; ``from_config(SIZES[name])`` makes a named size.

    Args:
        num_attention_heads, attention_head_dim: their product is the width of a token.
        in_channels: channels of the latents.
        out_channels: twice in_channels if a variance is predicted too (diffusers' DiTPipeline
            leaves it unused), else the same.
        num_layers: blocks.
        sample_size: height and width of the latents.
        patch_size: height and width of a token in the latents.
        mlp_ratio: inner width of a routed expert, over the width of a token.
        num_experts: routed experts of every block.
        num_experts_per_tok: to how many of them a token goes.
        n_shared_experts: inner width of the shared experts, over the width of a token.
        num_classes: the class with this number is "no class"; so is 1000, DiTPipeline's name
            for it, if there are fewer.
        class_dropout_prob: how often training replaces the class by "no class". 0 makes a
            model without "no class", and so without guidance.
        aux_loss_alpha: weight of the load-balancing loss; its gradient is added in the
            backward pass, once a block, and needs no care in the training loop.
        qk_norm: None, or "layer_norm" over each head's queries and keys.
        timestep_scale: what timesteps are multiplied by first: 1e-3 for a model trained with
            times from 0 to 1, which diffusers' flow schedulers call 0 to 1000.
    """

    _supports_gradient_checkpointing = True
    _no_split_modules: ClassVar[list[str]] = ["DiTMoEBlock"]
    _repeated_blocks: ClassVar[list[str]] = ["DiTMoEBlock"]
    _skip_layerwise_casting_patterns: ClassVar[list[str]] = ["pos_embed", "norm"]

    @register_to_config  # type: ignore[untyped-decorator]  # diffusers has no types
    def __init__(
        self,
        num_attention_heads: int = 6,
        attention_head_dim: int = 64,
        in_channels: int = 4,
        out_channels: int = 8,
        num_layers: int = 12,
        sample_size: int = 32,
        patch_size: int = 2,
        mlp_ratio: float = 4.0,
        num_experts: int = 8,
        num_experts_per_tok: int = 2,
        n_shared_experts: int = 2,
        num_classes: int = 1000,
        class_dropout_prob: float = 0.1,
        aux_loss_alpha: float = 0.01,
        qk_norm: str | None = None,
        timestep_scale: float = 1.0,
    ) -> None:
        super().__init__()
        dim = num_attention_heads * attention_head_dim
        self.pos_embed = PatchEmbed(sample_size, sample_size, patch_size, in_channels, dim)
        # diffusers' own embedding of time and class spaces its frequencies in another way.
        self.time_proj = Timesteps(256, True, downscale_freq_shift=0, scale=timestep_scale)
        self.timestep_embedder = TimestepEmbedding(256, dim)
        self.class_embedder = LabelEmbedding(num_classes, dim, class_dropout_prob)
        self.transformer_blocks = nn.ModuleList(
            DiTMoEBlock(
                dim,
                num_attention_heads,
                attention_head_dim,
                qk_norm,
                mlp_ratio=mlp_ratio,
                num_experts=num_experts,
                num_experts_per_tok=num_experts_per_tok,
                n_shared_experts=n_shared_experts,
                aux_loss_alpha=aux_loss_alpha,
            )
            for _ in range(num_layers)
        )
        self.norm_out = AdaLayerNormContinuous(dim, dim, elementwise_affine=False, eps=EPS)
        self.proj_out = nn.Linear(dim, patch_size**2 * out_channels)
        self.gradient_checkpointing = False
        self._initialize()

    @torch.no_grad()
    def _initialize(self) -> None:
        """As published: Xavier for matrices, zero for all that a block or the output ends in."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        nn.init.xavier_uniform_(self.pos_embed.proj.weight.flatten(1))
        nn.init.zeros_(self.pos_embed.proj.bias)
        for name, weight in self.named_parameters():
            if name.endswith(("to_q.weight", "to_k.weight", "to_v.weight")):
                weight.mul_(0.5**0.5)  # one matrix there, three times as high
            elif name.endswith("net.0.proj.weight"):
                for half in weight.chunk(2):  # two matrices there
                    nn.init.xavier_uniform_(half)
            elif name.endswith(
                ("norm1.linear.weight", "norm_out.linear.weight", "proj_out.weight")
            ):
                nn.init.zeros_(weight)
            elif name.startswith(("timestep_embedder.", "class_embedder.")) and weight.ndim > 1:
                nn.init.normal_(weight, std=0.02)

    def forward(
        self,
        hidden_states: Tensor,
        timestep: Tensor,
        class_labels: Tensor,
        return_dict: bool = True,
    ) -> Transformer2DModelOutput | tuple[Tensor]:
        """Predict.

        Args:
            hidden_states: latents ``(batch, in_channels, height, width)``.
            timestep: ``(batch,)``.
            class_labels: ``(batch,)``, integers from 0 to num_classes.
            return_dict: False for a plain tuple.

        Returns:
            ``sample (batch, out_channels, height, width)``.
        """
        patch = self.config.patch_size
        rows = hidden_states.shape[-2] // patch
        labels = class_labels
        if self.config.num_classes < NULL_CLASS:
            labels = labels.masked_fill(labels == NULL_CLASS, self.config.num_classes)
        temb = self.timestep_embedder(self.time_proj(timestep).to(hidden_states.dtype))
        temb = temb + self.class_embedder(labels)
        hidden_states = self.pos_embed(hidden_states)
        for block in self.transformer_blocks:
            if torch.is_grad_enabled() and self.gradient_checkpointing:
                hidden_states = self._gradient_checkpointing_func(block, hidden_states, temb)
            else:
                hidden_states = block(hidden_states, temb)
        hidden_states = self.proj_out(self.norm_out(hidden_states, temb))
        sample = rearrange(
            hidden_states, "b (h w) (p q c) -> b c (h p) (w q)", h=rows, p=patch, q=patch
        )
        return Transformer2DModelOutput(sample=sample) if return_dict else (sample,)
