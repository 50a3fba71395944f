"""The text encoder learns which direction is whose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from w2sd_video.shapes import dit, models
from w2sd_video.shapes.grammar import Grammar
from w2sd_video.shapes.world import sample_scene

ENCODERS: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "unet": (models.make_tokenizer, models.make_text_encoder),
    "dit": (dit.make_tokenizer, dit.make_text_encoder),
}

STEPS = {"unet": 150, "dit": 950}


@pytest.mark.parametrize("name", ["unet", pytest.param("dit", marks=pytest.mark.slow)])
def test_it_is_learned_soon(name: str) -> None:
    """On captions that were never seen; knowing colors and shapes alone is worth 1.4."""
    torch.manual_seed(0)
    make_tokenizer, make_encoder = ENCODERS[name]
    tokenizer = make_tokenizer()
    encoder, grammar = make_encoder(tokenizer), Grammar(tokenizer)
    rng = np.random.default_rng(0)

    def loss(held_out: bool) -> torch.Tensor:
        captions = [sample_scene(rng, 2, held_out).caption for _ in range(32)]
        ids = tokenizer(captions, padding=True, return_tensors="pt").input_ids
        return grammar(captions, ids, encoder(ids)[0])

    parameters = [*encoder.parameters(), *grammar.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=2e-3)
    with torch.no_grad():
        assert loss(True) > 3
    for _ in range(STEPS[name]):
        optimizer.zero_grad()
        loss(False).backward()
        optimizer.step()
    with torch.no_grad():
        assert loss(True) < 0.3


def test_captions_that_tell_no_direction_cost_nothing() -> None:
    tokenizer = models.make_tokenizer()
    encoder, grammar = models.make_text_encoder(tokenizer), Grammar(tokenizer)
    captions = ["", "a red ring on a white background"]
    ids = tokenizer(captions, padding=True, return_tensors="pt").input_ids
    assert grammar(captions, ids, encoder(ids)[0]).item() == 0
