"""What makes the text encoder tell which direction is whose.

Of a caption with two things, pixels reward it little: where each comes from shows at noise only,
and it takes text encoder and attention to change together. In thousands of steps neither began.
So the text encoder has this to learn from the first step on, as a pretrained one would know it.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from .models import TEXT_WIDTH
from .world import COLORS, DIRECTIONS, SHAPES, Scene

_COLORS, _SHAPES = list(COLORS), list(SHAPES)


class Grammar(nn.Module):
    """Reads off each direction's token the color and the shape of what moves there.

    It serves training only; how badly it reads is a loss of the text encoder's.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        super().__init__()
        self.head = nn.Linear(TEXT_WIDTH, len(_COLORS) + len(_SHAPES))
        words = [f" {word}" for word in DIRECTIONS]
        ids = [tokenizer(word, add_special_tokens=False).input_ids[-1] for word in words]
        self.directions: Tensor
        self.register_buffer("directions", torch.tensor(ids), persistent=False)

    def forward(self, captions: list[str], ids: Tensor, states: Tensor) -> Tensor:
        """The cross-entropy, a mean over things that move; 0 if there are none.

        Args:
            ids: the captions' tokens, ``(b, tokens)``.
            states: what the text encoder makes of them, ``(b, tokens, width)``.
        """
        scenes = (Scene.parse(caption) for caption in captions)
        things = [t for scene in scenes if scene for t in scene.things if t.direction]
        told = self.head(states[torch.isin(ids, self.directions)].float())
        color = torch.tensor([_COLORS.index(t.color) for t in things], device=ids.device)
        shape = torch.tensor([_SHAPES.index(t.shape) for t in things], device=ids.device)
        colors, shapes = told.split([len(_COLORS), len(_SHAPES)], dim=1)
        loss = F.cross_entropy(colors, color.long(), reduction="sum")
        loss = loss + F.cross_entropy(shapes, shape.long(), reduction="sum")
        return loss / max(1, len(things))
