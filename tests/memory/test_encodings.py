"""Every prompt is encoded once, and what comes of it is the same."""

from __future__ import annotations

from typing import Any

import peft
import pytest
import torch
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn

from w2sd_video.memory.encodings import Encodings

from .. import tiny
from ..tiny.parts import clip


def encoders(pipe: Any) -> list[Any]:
    found = (m for k, m in pipe.components.items() if k.startswith("text_encoder"))
    return [module for module in found if module is not None]


def counting(encoder: nn.Module) -> list[int]:
    """The rows of every evaluation from here on."""
    rows: list[int] = []
    forward = encoder.forward

    def counted(*args: Any, **kwargs: Any) -> Any:
        rows.append(len(args[0] if args else kwargs["input_ids"]))
        return forward(*args, **kwargs)

    encoder.forward = counted
    return rows


WITH_TEXT = [key for key in tiny.FAMILIES if not key.startswith("DiT")]


@pytest.mark.parametrize("key", WITH_TEXT)
def test_every_family(key: str) -> None:
    family = tiny.FAMILIES[key]
    pipe = family.make()
    expected = family.run(pipe, steps=2)
    evaluated = [counting(encoder) for encoder in encoders(pipe)]
    encodings, counters = Encodings(), [e.forward for e in encoders(pipe)]
    for _ in range(2):
        with encodings.used(encoders(pipe)):
            assert torch.equal(family.run(pipe, steps=2), expected)
        assert all(len(rows) <= 2 for rows in evaluated)  # a prompt and a negative one
    assert evaluated[0]
    assert [e.forward for e in encoders(pipe)] == counters
    before = sum(map(len, evaluated))
    family.run(pipe, steps=2)
    assert sum(map(len, evaluated)) > before


def ids(*rows: int) -> Tensor:
    return torch.tensor([[0, 5 + row, 1] for row in rows])


def test_a_prompt_is_the_same_in_every_batch() -> None:
    encoder, encodings = clip().eval(), Encodings()
    rows = counting(encoder)
    with torch.no_grad(), encodings.used([encoder]):
        first = encoder(ids(1, 2, 1, 3))
        again = encoder(ids(3, 1))
        hidden = encoder(ids(1), output_hidden_states=True)
        alone = encoder(input_ids=ids(2))
    assert rows == [1, 1, 1, 1, 1]  # 1, 2, 3; 1 with all hidden states; by name
    assert torch.equal(first[0][[3, 0]], again[0])
    assert torch.equal(first.pooler_output[1:2], alone.pooler_output)
    assert first.hidden_states is None
    assert len(hidden.hidden_states) > 1
    assert torch.equal(encoder(ids(2))[0], first[0][1:2])


def test_masks_and_types_are_told_apart() -> None:
    encoder, encodings = clip().eval(), Encodings()
    rows = counting(encoder)
    masks = torch.tensor([[1, 1, 1], [1, 1, 0]])
    with torch.no_grad(), encodings.used([encoder]):
        first = encoder(ids(1, 1), attention_mask=masks)
        encoder(ids(1, 1), attention_mask=masks.flip(0))
        assert rows == [1, 1]
        encoder(ids(1, 1), attention_mask=masks.bool())
    assert rows == [1, 1, 1, 1]
    assert not torch.equal(first[0][0], first[0][1])


def test_what_was_not_needed_for_longest_makes_room() -> None:
    encoder = clip().eval()
    with torch.no_grad():
        size = sum(x.numel() * 4 for x in encoder(ids(1)).to_tuple())
        encodings = Encodings(room=2 * size)
        rows = counting(encoder)
        with encodings.used([encoder]):
            for row in (1, 2, 1, 3):
                encoder(ids(row))
            assert len(rows) == 3
            encoder(ids(1))
            assert len(rows) == 3
            encoder(ids(2))
            assert len(rows) == 4
            assert torch.equal(encoder(ids(4, 5, 6))[0][1:2], encoder(ids(5))[0])


def test_what_cannot_be_joined_is_left_alone() -> None:
    class Odd(nn.Module):
        def forward(self, x: Tensor, cache: object = None) -> Any:
            return x * 2, object()

    odd = Odd()
    with Encodings().used([odd]):
        assert torch.equal(odd(ids(1, 2))[0], 2 * ids(1, 2))
        assert torch.equal(odd(ids(1), cache=object())[0], 2 * ids(1))
        assert torch.equal(odd(torch.tensor(3))[0], torch.tensor(6))


def test_adapters_that_are_switched_off_or_scaled_are_another_encoder() -> None:
    encoder, encodings = clip().eval(), Encodings()
    config = peft.LoraConfig(r=2, target_modules=["q_proj"], init_lora_weights=False)
    peft.inject_adapter_in_model(config, encoder, adapter_name="art")
    layers = [m for m in encoder.modules() if isinstance(m, LoraLayer)]
    rows = counting(encoder)
    with torch.no_grad(), encodings.used([encoder]):
        found = [encoder(ids(1))[0]]
        for layer in layers:
            layer.enable_adapters(False)
        found.append(encoder(ids(1))[0])
        for layer in layers:
            layer.enable_adapters(True)
            layer.scaling["art"] = -1.0
        found.append(encoder(ids(1))[0])
    assert rows == [1, 1, 1]
    assert not any(torch.equal(found[0], other) for other in found[1:])
