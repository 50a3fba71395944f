"""What was evaluated once is not evaluated again, and comes out the same."""

from __future__ import annotations

import copy

import pytest
import torch
from w2sd_video.eval.evidence.embedded.memo import Memo


class Denoiser(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(
        self, sample: torch.Tensor, timestep: int, return_dict: bool = True
    ) -> list[object]:
        self.calls += 1
        return [sample * timestep]


SAMPLE = torch.arange(4.0)


def test_it_is_called_once_for_the_same_numbers() -> None:
    memo, one = Memo(), Denoiser()
    for _ in range(2):
        with memo.of("pairs", [one]):
            first, again = one(SAMPLE, 2), one(SAMPLE.clone(), timestep=2)
            assert torch.equal(first[0], 2 * SAMPLE)
            assert torch.equal(again[0], first[0])
    assert (one.calls, memo.spared) == (2, 2)  # as a keyword it is another call


@pytest.mark.parametrize(
    "other",
    [
        (SAMPLE + 1e-6, 2),
        (SAMPLE.double(), 2),
        (SAMPLE.reshape(2, 2), 2),
        (SAMPLE, 3),
        (SAMPLE, torch.tensor(2)),
    ],
)
def test_anything_else_is_another_call(other: tuple[torch.Tensor, int]) -> None:
    memo, one = Memo(), Denoiser()
    with memo.of("pairs", [one]):
        one(SAMPLE, 2)
        found = one(*other)
    assert one.calls == 2
    assert torch.equal(found[0], other[0] * other[1])


def test_what_was_returned_may_be_changed() -> None:
    memo, one = Memo(), Denoiser()
    with memo.of("pairs", [one]):
        one(SAMPLE, 2)[0].zero_()
        assert torch.equal(one(SAMPLE, 2)[0], 2 * SAMPLE)


def test_modules_and_subjects_are_kept_apart() -> None:
    memo, one, two = Memo(), Denoiser(), Denoiser()
    with memo.of("pairs", [one, two]):
        one(SAMPLE, 2), two(SAMPLE, 2)
    assert (one.calls, two.calls) == (1, 1)
    with memo.of("other pairs", [one]):
        one(SAMPLE, 2)
    with memo.of("pairs", [one]):
        one(SAMPLE, 2)
    assert one.calls == 3


def test_a_module_is_as_it_was_afterwards() -> None:
    memo, one = Memo(), Denoiser()
    with pytest.raises(TypeError), memo.of("pairs", [one, one]):
        one(SAMPLE, 2, 3, 4, 5)
    assert "forward" not in vars(one)
    again = copy.deepcopy(one)
    again(SAMPLE, 2)
    assert (one.calls, again.calls) == (0, 1)
