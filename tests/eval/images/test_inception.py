"""The network of IS and FID, with random weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from w2sd_video.eval.errors import Unusable
from w2sd_video.eval.images import inception
from w2sd_video.eval.images.inception import Inception, resized

from . import plain_inception


@pytest.fixture(scope="module")
def network() -> Inception:
    torch.manual_seed(0)
    found = Inception()
    for module in found.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.05)
            module.running_var.uniform_(0.3, 1)
            module.weight.data.uniform_(1, 2)
            module.bias.data.normal_(0, 0.1)
    return found


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.randint(0, 256, (2, 3, 40, 57), generator=torch.manual_seed(1)).to(torch.uint8)


def test_features_and_logits(network: Inception, images: Tensor) -> None:
    weights = network.state_dict()
    features, logits = network(images)
    assert (features.shape, logits.shape) == ((2, 2048), (2, 1008))
    expected = plain_inception.features(weights, (resized(images.float(), 299) - 128) / 128)
    torch.testing.assert_close(features, expected, rtol=1e-4, atol=1e-6)
    assert (features[0] != features[1]).any()
    torch.testing.assert_close(logits, features @ weights["fc.weight"].T)  # without the bias


def test_resizing() -> None:
    ramp = torch.arange(5.0).expand(1, 1, 3, 5)
    # Pixel i is read at i · 5 / 10, and there is nothing beyond the last one.
    expected = torch.tensor([0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4])
    assert torch.equal(resized(ramp, 10)[0, 0, 0], expected)
    assert torch.equal(resized(ramp.mT, 10)[0, 0, :, 0], expected)
    # Every second pixel, and not means of two.
    assert torch.equal(
        resized(torch.arange(8.0).expand(1, 1, 8, 8), 4)[0, 0, 0], 2 * torch.arange(4.0)
    )


def test_weights_by_their_published_names(
    tmp_path: Path, network: Inception, images: Tensor
) -> None:
    tensors = network.state_dict()
    counted = {n: v for n, v in tensors.items() if not n.endswith("num_batches_tracked")}
    assert len(counted) == 94 * 5 + 2  # layers of one convolution and its normalisation, and fc
    assert sum(value.numel() for value in counted.values()) * 4 == 95_541_568
    save_file(counted, tmp_path / "fid_inception.safetensors")
    loaded = inception.load(tmp_path)
    assert torch.equal(loaded(images)[0], network(images)[0])
    del counted["Mixed_7c.branch3x3_2b.conv.weight"]
    save_file(counted, tmp_path / "fid_inception.safetensors")
    with pytest.raises(Unusable, match=r"has not the weights of FID's Inception: .*Mixed_7c"):
        inception.load(tmp_path)


def test_a_pickle(tmp_path: Path, network: Inception, images: Tensor) -> None:
    torch.save(network.state_dict(), tmp_path / "pt_inception.pth")
    loaded = inception.load(tmp_path, allow_pickle=True)
    assert torch.equal(loaded(images)[1], network(images)[1])
    with pytest.raises(Unusable):
        inception.load(tmp_path)
