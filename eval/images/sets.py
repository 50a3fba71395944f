"""Scores of a whole set of images: IS and FID, by torchmetrics.

torchmetrics' own Inception is torch-fidelity's, which needs torchvision; ours takes its place.
"""

from __future__ import annotations

import copy
import hashlib
import warnings
from collections.abc import Iterable, Iterator, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from w2sd_video.eval.errors import NotThere
from w2sd_video.eval.images.pictures import Picture

if TYPE_CHECKING:
    from torch import Tensor
    from w2sd_video.eval.images.inception import Inception

SPLITS = 10
# Of as many images as features, or fewer, a covariance has no full rank, and FID is mostly bias.
FID_LEAST = 2049
IS_LEAST = 100 * SPLITS  # a split of n images can't score more than n
USUAL = 50_000  # of published values
FEW = 10_000


def check_extra() -> None:
    """See that torchmetrics is installed.

    Raises:
        NotThere: if it isn't.
    """
    if find_spec("torchmetrics") is None:
        raise NotThere("needs torchmetrics; install it with: pip install 'w2sd-video[images]'")


def check_number(name: str, images: int, what: str = "images") -> None:
    """See that a set is large enough to say anything about.

    Raises:
        NotThere: if it isn't.
    """
    least = FID_LEAST if name == "fid" else IS_LEAST
    if images < least:
        raise NotThere(f"needs {least} {what} or more, and there are {images}")


def caution(name: str, images: int) -> str:
    """What has to be said of a value of so many images, if anything."""
    if images >= FEW:
        return ""
    which = "larger" if name == "fid" else "smaller"
    return (
        f"of {images} images, which makes it {which} than of the usual {USUAL}: compare it with"
        " values of as many images only"
    )


def content(pictures: Iterable[Picture]) -> str:
    """What a set is known by: its images, whatever their names and their order."""
    listed = "\n".join(sorted(picture.content for picture in pictures))
    return f"set:{hashlib.sha256(listed.encode()).hexdigest()}"


def features(
    network: Inception, pictures: Sequence[Picture], batch: int = 32
) -> Iterator[tuple[Tensor, Tensor]]:
    """Features and logits, ``(images, 2048)`` and ``(images, 1008)``, batch by batch.

    Images of different sizes don't go into one batch.
    """
    waiting: list[Any] = []
    for picture in pictures:
        pixels = np.asarray(picture.rgb())
        if waiting and (len(waiting) == batch or pixels.shape != waiting[0].shape):
            yield _look(network, waiting)
            waiting = []
        waiting.append(pixels)
    if waiting:
        yield _look(network, waiting)


def _look(network: Inception, images: Sequence[Any]) -> tuple[Tensor, Tensor]:
    import torch

    batch = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)
    with torch.inference_mode():
        return network(batch.to(network.fc.weight.device))


def inception_score(logits: Tensor) -> tuple[float, float]:
    """IS and its standard deviation over ten splits, of logits ``(images, classes)``.

    "Improved Techniques for Training GANs", arXiv 1606.03498. Images are shuffled, always alike.
    """
    import torch
    from torchmetrics.image.inception import InceptionScore

    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")  # that logits are kept in memory: 4 kB an image
        torch.manual_seed(0)
        metric = InceptionScore(feature=torch.nn.Identity(), splits=SPLITS)
        metric.update(logits.double().cpu())
        mean, deviation = metric.compute()
    return float(mean), float(deviation)


class Frechet:
    """FID of two sets, whose features come in batches ``(images, width)``.

    "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium", arXiv
    1706.08500.
    """

    def __init__(self, width: int) -> None:
        import torch
        from torchmetrics.image.fid import FrechetInceptionDistance

        given = torch.nn.Identity()
        given.num_features = width  # type: ignore[assignment]  # a number is allowed
        self._metric = FrechetInceptionDistance(feature=given)

    def add(self, features: Tensor, reference: bool = False) -> None:
        self._metric.update(features.double().cpu(), real=reference)

    def distance(self) -> float:
        return float(self._metric.compute())


class Reference:
    """What FID compares with: looked at once, however many sets there are."""

    def __init__(self, network: Inception, pictures: Sequence[Picture]) -> None:
        self._begun = Frechet(network.fc.in_features)
        for batch, _ in features(network, pictures):
            self._begun.add(batch, reference=True)

    def begun(self) -> Frechet:
        """An FID that knows of these images already."""
        return copy.deepcopy(self._begun)
