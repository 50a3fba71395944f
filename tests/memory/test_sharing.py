"""Equal parameters are stored once; different ones stay apart."""

from __future__ import annotations

import torch
from torch import nn

from w2sd_video.memory.sharing import share


def pair() -> tuple[nn.Sequential, nn.Sequential]:
    torch.manual_seed(0)
    keep = nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8), nn.Linear(8, 4))
    other = nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8), nn.Linear(8, 4))
    other.load_state_dict(keep.state_dict())
    return keep, other


def test_equal_models_share_everything() -> None:
    keep, other = pair()
    size = sum(t.numel() * t.element_size() for t in keep.state_dict().values())
    assert share(keep, other) == size
    assert share(keep, other) == 0  # there is nothing left to save
    for name, tensor in other.state_dict().items():
        assert tensor.data_ptr() == keep.state_dict()[name].data_ptr()


def test_what_differs_stays_and_outputs_do_not_change() -> None:
    keep, other = pair()
    other[0].weight.data[0, 0] += 1e-3
    x = torch.randn(5, 8)
    before = other.eval()(x)
    saved = share(keep, other)
    assert torch.equal(other(x), before)
    assert other[0].weight.data_ptr() != keep[0].weight.data_ptr()
    assert other[2].weight.data_ptr() == keep[2].weight.data_ptr()
    assert saved > 0


def test_other_types_and_shapes_are_left_alone() -> None:
    keep, other = pair()
    assert share(keep, other.half()) == other[1].num_batches_tracked.element_size()
    assert share(keep, nn.Sequential(nn.Linear(4, 4))) == 0
