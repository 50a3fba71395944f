"""The Inception network that IS and FID are defined by.

It is TensorFlow's of December 2015, which is not the Inception v3 of model collections: means of
neighbourhoods leave out the border, the last block takes a maximum, and there are 1,008 classes.
Layers have the names of the published weights (``pt_inception-2015-12-05``). The structure is that
of "Rethinking the Inception Architecture for Computer Vision" (arXiv 1512.00567), and agrees with
torch-fidelity's to a rounding error.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from w2sd_video.eval.errors import Unusable
from w2sd_video.eval.images import loading

SIDE = 299
WIDTH, CLASSES = 2048, 1008

Shape = int | tuple[int, int]
Pool = Callable[[Tensor], Tensor]


class Step(NamedTuple):
    """One step of a branch.

    Attributes:
        channels: that a layer gives.
        windows: sizes of layers' windows by their names; several layers stand side by side.
    """

    channels: int
    windows: dict[str, Shape]


Branch = list[Step]


class Convolution(nn.Module):
    """A convolution without bias, normalised, above zero; same size out as in for stride 1."""

    def __init__(self, before: int, after: int, window: Shape, stride: int = 1, pad: bool = True):
        super().__init__()
        height, width = (window, window) if isinstance(window, int) else window
        padding = (height // 2, width // 2) if pad and stride == 1 else (0, 0)
        self.conv = nn.Conv2d(before, after, (height, width), stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(after, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        normalised: Tensor = self.bn(self.conv(x))
        return F.relu(normalised, inplace=True)


class Block(nn.Module):
    """Branches side by side, whose channels are laid behind one another.

    Args:
        pool: what the last branch begins with.
        pooled: channels that it ends with; None for as many as there are.
        stride: of the last step of every branch.
    """

    def __init__(
        self, before: int, branches: list[Branch], pool: Pool, pooled: int | None, stride: int = 1
    ) -> None:
        super().__init__()
        self._branches = [[list(step.windows) for step in branch] for branch in branches]
        self._pool = pool
        for branch in branches:
            channels = before
            for step in branch:
                of_step = stride if step is branch[-1] else 1
                for name, window in step.windows.items():
                    layer = Convolution(channels, step.channels, window, of_step)
                    self.add_module(name, layer)
                channels = step.channels
        self.branch_pool = Convolution(before, pooled, 1) if pooled else None

    def forward(self, x: Tensor) -> Tensor:
        ends = []
        for branch in self._branches:
            y = x
            for names in branch:
                y = torch.cat([self.get_submodule(name)(y) for name in names], 1)
            ends.append(y)
        pooled = self._pool(x)
        ends.append(pooled if self.branch_pool is None else self.branch_pool(pooled))
        return torch.cat(ends, 1)


def _mean(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)


def _largest(x: Tensor) -> Tensor:
    return F.max_pool2d(x, 3, 1, 1)


def _halved(x: Tensor) -> Tensor:
    return F.max_pool2d(x, 3, 2)


def _row(name: str, *layers: tuple[int, Shape]) -> Branch:
    """Layers one after another, numbered from 1."""
    return [Step(channels, {f"{name}_{i}": size}) for i, (channels, size) in enumerate(layers, 1)]


def _single(name: str, channels: int, window: Shape) -> Branch:
    return [Step(channels, {name: window})]


def _block_a(before: int, pooled: int) -> Block:
    branches = [
        _single("branch1x1", 64, 1),
        _row("branch5x5", (48, 1), (64, 5)),
        _row("branch3x3dbl", (64, 1), (96, 3), (96, 3)),
    ]
    return Block(before, branches, _mean, pooled)


def _block_b(before: int) -> Block:
    branches = [
        _single("branch3x3", 384, 3),
        _row("branch3x3dbl", (64, 1), (96, 3), (96, 3)),
    ]
    return Block(before, branches, _halved, None, stride=2)


def _block_c(before: int, inner: int) -> Block:
    flat, tall = (1, 7), (7, 1)
    twice: list[tuple[int, Shape]] = [
        (inner, 1),
        (inner, tall),
        (inner, flat),
        (inner, tall),
        (192, flat),
    ]
    branches = [
        _single("branch1x1", 192, 1),
        _row("branch7x7", (inner, 1), (inner, flat), (192, tall)),
        _row("branch7x7dbl", *twice),
    ]
    return Block(before, branches, _mean, 192)


def _block_d(before: int) -> Block:
    branches = [
        _row("branch3x3", (192, 1), (320, 3)),
        _row("branch7x7x3", (192, 1), (192, (1, 7)), (192, (7, 1)), (192, 3)),
    ]
    return Block(before, branches, _halved, None, stride=2)


def _block_e(before: int, pool: Pool) -> Block:
    def ends(name: str) -> Step:
        return Step(384, {f"{name}a": (1, 3), f"{name}b": (3, 1)})

    branches = [
        _single("branch1x1", 320, 1),
        [*_row("branch3x3", (384, 1)), ends("branch3x3_2")],
        [*_row("branch3x3dbl", (448, 1), (384, 3)), ends("branch3x3dbl_3")],
    ]
    return Block(before, branches, pool, 192)


class Inception(nn.Module):
    """The network, in float32 and for evaluation only."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = Convolution(3, 32, 3, stride=2)
        self.Conv2d_2a_3x3 = Convolution(32, 32, 3, pad=False)
        self.Conv2d_2b_3x3 = Convolution(32, 64, 3)
        self.Conv2d_3b_1x1 = Convolution(64, 80, 1)
        self.Conv2d_4a_3x3 = Convolution(80, 192, 3, pad=False)
        self.Mixed_5b = _block_a(192, 32)
        self.Mixed_5c = _block_a(256, 64)
        self.Mixed_5d = _block_a(288, 64)
        self.Mixed_6a = _block_b(288)
        self.Mixed_6b = _block_c(768, 128)
        self.Mixed_6c = _block_c(768, 160)
        self.Mixed_6d = _block_c(768, 160)
        self.Mixed_6e = _block_c(768, 192)
        self.Mixed_7a = _block_d(768)
        self.Mixed_7b = _block_e(1280, _mean)
        self.Mixed_7c = _block_e(2048, _largest)
        self.fc = nn.Linear(WIDTH, CLASSES)
        self.eval().requires_grad_(False)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Features and logits of images.

        Args:
            images: ``(images, 3, height, width)`` uint8, of any size.

        Returns:
            ``(images, 2048)``, and ``(images, 1008)`` without the bias, as IS takes them.
        """
        x = (resized(images.float(), SIDE) - 128) / 128
        for name, layer in self.named_children():
            if name == "fc":
                break
            x = layer(x)
            if name in ("Conv2d_2b_3x3", "Conv2d_4a_3x3"):
                x = _halved(x)
        features = x.mean((2, 3))
        return features, features @ self.fc.weight.T


def resized(images: Tensor, side: int) -> Tensor:
    """Scaled to a square as TensorFlow 1 does: pixel i is read at i · size / side.

    It samples linearly, and doesn't take pixels for areas: the edge at the end is what is cut off.
    Other ways of scaling change FID by more than models differ (arXiv 2104.11222).
    """

    def along(x: Tensor, axis: int) -> Tensor:
        size = x.shape[axis]
        place = torch.arange(side, device=x.device, dtype=x.dtype)
        place = place * torch.tensor(size / side, device=x.device, dtype=x.dtype)
        low = place.long().clamp_max(size - 1)
        high = (low + 1).clamp_max(size - 1)
        share = (place - low).view([-1 if i == axis % x.ndim else 1 for i in range(x.ndim)])
        below, above = x.index_select(axis, low), x.index_select(axis, high)
        return below + (above - below) * share

    return along(along(images, -1), -2)


def load(folder: Path, allow_pickle: bool = False) -> Inception:
    """The network with its weights.

    Raises:
        Unusable: if they are not the published ones' names and shapes.
    """
    with torch.device("meta"):
        network = Inception()
    found = {
        name: value.long() if name.endswith("num_batches_tracked") else value.float()
        for name, value in loading.tensors(folder, allow_pickle).items()
    }
    wanted = network.state_dict()
    for name in wanted:  # counts steps of training, and some files leave it out
        if name.endswith("num_batches_tracked"):
            found.setdefault(name, torch.tensor(0))
    try:
        network.load_state_dict(found, assign=True)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise Unusable(f"{folder} has not the weights of FID's Inception: {reason}") from None
    return network.eval().requires_grad_(False).to(loading.device())
