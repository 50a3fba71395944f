"""Images as a model wants to see them, by the ``preprocessor_config.json`` beside its weights.

transformers would do it, but from release to release with other classes and another backend, of
which the default one takes torchvision.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from torch import Tensor

Triple = tuple[float, ...]
BICUBIC, BILINEAR = 3, 2  # Pillow's numbers, as these files have them
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True)
class Preparation:
    """What is done to an image, in this order.

    Attributes:
        shortest: what its shorter side is scaled to.
        size: height and width that it is scaled to instead, whatever its shape.
        crop: height and width of the middle that is kept.
        longest: what its longer side is scaled to instead of all this; black makes it a square.
        resample: a filter of Pillow's.
        scale: 8-bit values are multiplied by this.
        mean, std: of the three channels, to normalise with.
    """

    shortest: int | None
    size: tuple[int, int] | None
    crop: tuple[int, int] | None
    resample: int
    scale: float
    mean: Triple
    std: Triple
    longest: int | None = None

    @classmethod
    def read(cls, folder: Path, default: Preparation | None = None) -> Preparation:
        """From a model's folder.

        Args:
            default: if there is no such file.

        Raises:
            ValueError: if it says nothing of use.
        """
        said = _said(folder)
        if said is None:
            if default is None:
                raise ValueError("has no preprocessor_config.json")
            return default
        crops = bool(said.get("do_center_crop", "crop_size" in said))
        normal = said.get("do_normalize", True)
        shortest = size = None
        try:
            if said.get("do_resize", True):
                shortest, size = _size(said, "size", crops)
            return cls(
                shortest=shortest,
                size=size,
                crop=_size(said, "crop_size", False)[1] if crops else None,
                resample=int(said.get("resample", BICUBIC if crops else BILINEAR)),
                scale=_scale(said),
                mean=tuple(map(float, said["image_mean"])) if normal else (0.0, 0.0, 0.0),
                std=tuple(map(float, said["image_std"])) if normal else (1.0, 1.0, 1.0),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"can't be understood: preprocessor_config.json, {error}") from None

    @classmethod
    def of_clip(cls, side: int) -> Preparation:
        """CLIP's own, for square images of this side."""
        return cls(side, None, (side, side), BICUBIC, 1 / 255, CLIP_MEAN, CLIP_STD)

    @classmethod
    def of_hps(cls, side: int) -> Preparation:
        """HPS v2's own: it sees whole images, whatever their shape."""
        return cls(None, None, None, BICUBIC, 1 / 255, CLIP_MEAN, CLIP_STD, longest=side)

    def __call__(self, images: Sequence[Image.Image]) -> Tensor:
        """RGB images as one batch, ``(images, 3, height, width)`` float32.

        Raises:
            ValueError: if they come out in different sizes.
        """
        import torch

        prepared = [self._one(image) for image in images]
        if len({array.shape for array in prepared}) > 1:
            raise ValueError("images come out in different sizes")
        batch = torch.from_numpy(np.stack(prepared)).permute(0, 3, 1, 2).float() * self.scale
        return (batch - torch.tensor(self.mean)[:, None, None]) / torch.tensor(self.std)[
            :, None, None
        ]

    def _one(self, image: Image.Image) -> np.ndarray[Any, np.dtype[np.uint8]]:
        width, height = image.size
        if self.longest:
            scale = self.longest / max(width, height)
            width, height = (max(1, round(s * scale)) for s in (width, height))
        elif self.shortest:
            short = min(width, height)
            width, height = (int(self.shortest * s / short) for s in (width, height))
        elif self.size:
            height, width = self.size
        if (width, height) != image.size:
            image = image.resize((width, height), Image.Resampling(self.resample))
        if self.longest:
            square = Image.new("RGB", (self.longest, self.longest))
            square.paste(image, ((self.longest - width) // 2, (self.longest - height) // 2))
            image = square
        elif self.crop:
            top, left = (height - self.crop[0]) // 2, (width - self.crop[1]) // 2
            image = image.crop((left, top, left + self.crop[1], top + self.crop[0]))
        return np.asarray(image)


def _said(folder: Path) -> dict[str, Any] | None:
    """What the file says; newer releases of transformers have it within another."""
    for name, key in (
        ("preprocessor_config.json", ""),
        ("processor_config.json", "image_processor"),
    ):
        try:
            said = json.loads((folder / name).read_text("utf-8"))
        except OSError:
            continue
        said = said.get(key) if key and isinstance(said, dict) else said
        if isinstance(said, dict):
            return said
    return None


def _scale(said: dict[str, Any]) -> float:
    return float(said.get("rescale_factor", 1 / 255)) if said.get("do_rescale", True) else 1.0


def _size(said: dict[str, Any], key: str, crops: bool) -> tuple[int | None, tuple[int, int] | None]:
    """The shorter side, or height and width.

    One number is the shorter side where the middle is cut out afterwards, and both where not.

    Raises:
        ValueError: if it is neither: what size transformers takes then differs between releases.
    """
    size = said.get(key)
    if isinstance(size, dict) and "shortest_edge" in size and key == "size":
        return int(size["shortest_edge"]), None
    if isinstance(size, dict) and {"height", "width"} <= set(size):
        return None, (int(size["height"]), int(size["width"]))
    if isinstance(size, int):
        return (size, None) if crops else (None, (size, size))
    raise ValueError(f"'{key}' is {size}")
