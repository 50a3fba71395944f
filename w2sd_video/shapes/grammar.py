"""What makes the text encoder tell directions apart, and which is whose.

Pixels reward neither for long: in noise hardly anything depends on a direction's word, so the text
encoder makes the four words one, and then attention has nothing to find. In thousands of steps
neither began. So the text encoder has this to learn from the first step on, as a pretrained one
would know it.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from .models import TEXT_WIDTH
from .world import COLORS, DIRECTIONS, SHAPES, Scene

_COLORS, _SHAPES, _DIRECTIONS = list(COLORS), list(SHAPES), list(DIRECTIONS)
_NONE = -100  # what cross_entropy passes over


class Grammar(nn.Module):
    """Reads captions off the text encoder's states, with a linear layer each:

    - off each direction's token, the color and the shape of what moves there;
    - off every token from the last direction on, where the first thing and the second one go.

    It serves training only; how badly it reads is a loss of the text encoder's.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        super().__init__()
        self.head = nn.Linear(TEXT_WIDTH, len(_COLORS) + len(_SHAPES))
        self.ways = nn.Linear(TEXT_WIDTH, 2 * len(_DIRECTIONS))
        words = [f" {word}" for word in DIRECTIONS]
        ids = [tokenizer(word, add_special_tokens=False).input_ids[-1] for word in words]
        self.directions: Tensor
        self.register_buffer("directions", torch.tensor(ids), persistent=False)

    def forward(self, captions: list[str], ids: Tensor, states: Tensor) -> Tensor:
        """The cross-entropies, means over things that move; 0 if there are none.

        Args:
            ids: the captions' tokens, ``(b, tokens)``.
            states: what the text encoder makes of them, ``(b, tokens, width)``.
        """
        scenes = [Scene.parse(caption) for caption in captions]
        told, states = torch.isin(ids, self.directions), states.float()
        return self._whose(scenes, states[told]) + self._where(scenes, told, states)

    def _whose(self, scenes: list[Scene | None], states: Tensor) -> Tensor:
        things = [t for scene in scenes if scene for t in scene.things if t.direction]
        color = torch.tensor([_COLORS.index(t.color) for t in things], device=states.device)
        shape = torch.tensor([_SHAPES.index(t.shape) for t in things], device=states.device)
        colors, shapes = self.head(states).split([len(_COLORS), len(_SHAPES)], dim=1)
        loss = F.cross_entropy(colors, color.long(), reduction="sum")
        loss = loss + F.cross_entropy(shapes, shape.long(), reduction="sum")
        return loss / max(1, len(things))

    def _where(self, scenes: list[Scene | None], told: Tensor, states: Tensor) -> Tensor:
        ways = [[t.direction for t in scene.things] if scene else [] for scene in scenes]
        rows = [[_DIRECTIONS.index(d) if d else _NONE for d in way] for way in ways]
        whole = torch.tensor([[*row, _NONE, _NONE][:2] for row in rows], device=states.device)
        known = told.flip(1).cumsum(1).flip(1) == told  # from the last direction's token on
        known &= told.any(1, keepdim=True)
        target = torch.where(known[..., None], whole[:, None], _NONE)
        logits = self.ways(states).unflatten(-1, (2, len(_DIRECTIONS)))
        loss = F.cross_entropy(logits.flatten(0, 2), target.flatten().long(), reduction="sum")
        return loss / (target != _NONE).sum().clamp_min(1)
