"""FID's Inception written out layer by layer, with nothing but functions and a dict of weights."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

Weights = Mapping[str, Tensor]


def conv(w: Weights, name: str, x: Tensor, stride: int = 1, padding: object = 0) -> Tensor:
    y = F.conv2d(x, w[f"{name}.conv.weight"], None, stride, padding)
    mean, var = w[f"{name}.bn.running_mean"], w[f"{name}.bn.running_var"]
    gain = w[f"{name}.bn.weight"] / torch.sqrt(var + 0.001)
    shift = w[f"{name}.bn.bias"] - mean * gain
    return torch.relu(y * gain[:, None, None] + shift[:, None, None])


def mean(x: Tensor) -> Tensor:
    """Of the neighbours that there are."""
    ones = torch.ones_like(x[:, :1])
    return F.avg_pool2d(x, 3, 1, 1) / F.avg_pool2d(ones, 3, 1, 1)


def features(w: Weights, x: Tensor) -> Tensor:
    """Of pixels from -1 to 1, ``(images, 3, 299, 299)``."""
    x = conv(w, "Conv2d_1a_3x3", x, 2)
    x = conv(w, "Conv2d_2a_3x3", x)
    x = conv(w, "Conv2d_2b_3x3", x, padding=1)
    x = F.max_pool2d(x, 3, 2)
    x = conv(w, "Conv2d_3b_1x1", x)
    x = conv(w, "Conv2d_4a_3x3", x)
    x = F.max_pool2d(x, 3, 2)
    for name in ("Mixed_5b", "Mixed_5c", "Mixed_5d"):
        n = f"{name}.branch"
        a = conv(w, n + "1x1", x)
        b = conv(w, n + "5x5_2", conv(w, n + "5x5_1", x), padding=2)
        c = conv(w, n + "3x3dbl_2", conv(w, n + "3x3dbl_1", x), padding=1)
        c = conv(w, n + "3x3dbl_3", c, padding=1)
        x = torch.cat([a, b, c, conv(w, n + "_pool", mean(x))], 1)
    n = "Mixed_6a.branch"
    c = conv(w, n + "3x3dbl_2", conv(w, n + "3x3dbl_1", x), padding=1)
    c = conv(w, n + "3x3dbl_3", c, 2)
    x = torch.cat([conv(w, n + "3x3", x, 2), c, F.max_pool2d(x, 3, 2)], 1)
    for name in ("Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"):
        n = f"{name}.branch"
        a = conv(w, n + "1x1", x)
        b = conv(w, n + "7x7_2", conv(w, n + "7x7_1", x), padding=(0, 3))
        b = conv(w, n + "7x7_3", b, padding=(3, 0))
        c = conv(w, n + "7x7dbl_2", conv(w, n + "7x7dbl_1", x), padding=(3, 0))
        c = conv(w, n + "7x7dbl_3", c, padding=(0, 3))
        c = conv(w, n + "7x7dbl_4", c, padding=(3, 0))
        c = conv(w, n + "7x7dbl_5", c, padding=(0, 3))
        x = torch.cat([a, b, c, conv(w, n + "_pool", mean(x))], 1)
    n = "Mixed_7a.branch"
    a = conv(w, n + "3x3_2", conv(w, n + "3x3_1", x), 2)
    b = conv(w, n + "7x7x3_2", conv(w, n + "7x7x3_1", x), padding=(0, 3))
    b = conv(w, n + "7x7x3_4", conv(w, n + "7x7x3_3", b, padding=(3, 0)), 2)
    x = torch.cat([a, b, F.max_pool2d(x, 3, 2)], 1)
    for name, pool in (("Mixed_7b", mean), ("Mixed_7c", lambda y: F.max_pool2d(y, 3, 1, 1))):
        n = f"{name}.branch"
        a = conv(w, n + "1x1", x)
        b = conv(w, n + "3x3_1", x)
        b = torch.cat(
            [
                conv(w, n + "3x3_2a", b, padding=(0, 1)),
                conv(w, n + "3x3_2b", b, padding=(1, 0)),
            ],
            1,
        )
        c = conv(w, n + "3x3dbl_2", conv(w, n + "3x3dbl_1", x), padding=1)
        c = torch.cat(
            [
                conv(w, n + "3x3dbl_3a", c, padding=(0, 1)),
                conv(w, n + "3x3dbl_3b", c, padding=(1, 0)),
            ],
            1,
        )
        x = torch.cat([a, b, c, conv(w, n + "_pool", pool(x))], 1)
    return x.mean((2, 3))
