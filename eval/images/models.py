"""Models that turn images, and prompts, into vectors or scores."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from w2sd_video.eval.errors import Unusable
from w2sd_video.eval.images.loading import loaded, preparation, quiet, tensors, unusable
from w2sd_video.eval.images.pixels import Preparation

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

# What the published head is: layers with nothing but dropout between them, by their place.
HEAD = (0, 2, 4, 6, 7)


class Reader:
    """Prompts as a CLIP reads them, which takes no weights.

    Attributes:
        length: so many tokens of a prompt are read.

    Raises:
        Unusable: if the tokenizer is not what it should be.
    """

    def __init__(self, folder: Path) -> None:
        from transformers import AutoTokenizer, CLIPConfig

        quiet()
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )
            config = CLIPConfig.from_pretrained(folder, local_files_only=True)
        except Exception as error:
            raise unusable(folder, error) from None
        self.length = int(config.text_config.max_position_embeddings)

    def __call__(self, prompts: Sequence[str]) -> Any:
        """Tokens of prompts, ``(prompts, length of the longest)``; what is too long is cut."""
        return self._tokenizer(
            [self.cleaned(prompt) for prompt in prompts],
            padding=True,
            truncation=True,
            max_length=self.length,
            return_tensors="pt",
            return_token_type_ids=False,
        )

    def cuts(self, prompt: str) -> bool:
        """Whether a prompt is longer than what is read of it."""
        return len(self._tokenizer(self.cleaned(prompt))["input_ids"]) > self.length

    def cleaned(self, prompt: str) -> str:
        """A prompt before it is cut into tokens."""
        return prompt


class HpsReader(Reader):
    """As open_clip reads them, but for the package ftfy, which mends broken encodings."""

    def cleaned(self, prompt: str) -> str:
        return html.unescape(html.unescape(prompt)).strip()


class Clip:
    """A CLIP, or a fine-tune of one, as transformers keeps it.

    Attributes:
        reader: of its prompts.
        scale: what it multiplies cosines with.

    Raises:
        Unusable: if the weights are not what they should be.
    """

    reader: type[Reader] = Reader

    def __init__(self, folder: Path, allow_pickle: bool = False) -> None:
        from transformers import CLIPModel

        self._model = loaded(CLIPModel, folder, allow_pickle)
        self._prepare = self._preparation(folder, self._model.config.vision_config.image_size)
        self._read = self.reader(folder)
        self._known: dict[str, Tensor] = {}
        self.scale = float(self._model.logit_scale.exp())

    def _preparation(self, folder: Path, side: int) -> Preparation:
        return preparation(folder, Preparation.of_clip(side))

    def images(self, images: Sequence[Image.Image]) -> Tensor:
        """Unit vectors of RGB images, ``(images, width)``."""
        pixels = self._prepare(images).to(self._model.device)
        seen = self._model.vision_model(pixel_values=pixels).pooler_output
        return _unit(self._model.visual_projection(seen))

    def texts(self, prompts: Sequence[str]) -> Tensor:
        """Unit vectors of prompts, ``(prompts, width)``; what is too long is cut."""
        import torch

        new = [prompt for prompt in dict.fromkeys(prompts) if prompt not in self._known]
        if new:
            tokens = self._read(new).to(self._model.device)
            read = self._model.text_model(**tokens).pooler_output
            self._known |= zip(new, _unit(self._model.text_projection(read)), strict=True)
        return torch.stack([self._known[prompt] for prompt in prompts])


class Hps(Clip):
    """HPS v2, with images and prompts as its official package prepares them.

    What the folder says of images is left aside: whoever brought the weights into this form took
    CLIP's own preparation, which cuts off the ends of all that is no square.
    """

    reader = HpsReader

    def _preparation(self, folder: Path, side: int) -> Preparation:
        return Preparation.of_hps(side)


class Dino:
    """A DINO, of either version: the vector of an image is that of its class token.

    Raises:
        Unusable: if the weights are not what they should be.
    """

    def __init__(self, folder: Path, allow_pickle: bool = False) -> None:
        from transformers import AutoModel

        # The pooler is a layer of transformers' own that DINO doesn't have, and isn't asked.
        self._model = loaded(AutoModel, folder, allow_pickle, may_lack="pooler.")
        kind = str(self._model.config.model_type)
        if "vit" not in kind and "dino" not in kind:
            raise Unusable(f"{folder} has a model of type '{kind}', which is no DINO")
        self._prepare = preparation(folder)

    def images(self, images: Sequence[Image.Image]) -> Tensor:
        """Unit vectors of RGB images, ``(images, width)``."""
        pixels = self._prepare(images).to(self._model.device)
        return _unit(self._model(pixel_values=pixels).last_hidden_state[:, 0])


class Aesthetic:
    """LAION's aesthetic predictor, version 2: linear layers upon CLIP's unit vectors.

    Raises:
        Unusable: if the weights are not what they should be.
    """

    def __init__(self, folder: Path, allow_pickle: bool = False) -> None:
        from transformers import CLIPVisionModelWithProjection

        self._model = loaded(CLIPVisionModelWithProjection, folder, allow_pickle)
        side = self._model.config.image_size
        self._prepare = preparation(folder, Preparation.of_clip(side))
        self._layers = self._head(folder, allow_pickle)

    def _head(self, folder: Path, allow_pickle: bool) -> list[tuple[Tensor, Tensor]]:
        found = tensors(folder, allow_pickle, "layers.")
        names = {f"layers.{i}.{part}" for i in HEAD for part in ("weight", "bias")}
        if set(found) != names:
            raise Unusable(
                f"{folder} is no linear aesthetic predictor: it has {len(found)} tensors called"
                f" layers.*, which should be layers {', '.join(map(str, HEAD))}, weight and bias"
            )
        layers = [(found[f"layers.{i}.weight"], found[f"layers.{i}.bias"]) for i in HEAD]
        width = self._model.config.projection_dim
        for i, (weight, bias) in zip(HEAD, layers, strict=True):
            if weight.ndim != 2 or weight.shape != (len(bias), width):
                raise Unusable(f"{folder}: layers.{i} doesn't fit a width of {width}")
            width = len(bias)
        if width != 1:
            raise Unusable(f"{folder}: layers.{HEAD[-1]} gives {width} values, not one score")
        where = self._model.device
        return [(weight.float().to(where), bias.float().to(where)) for weight, bias in layers]

    def images(self, images: Sequence[Image.Image]) -> Tensor:
        """Unit vectors of RGB images, ``(images, width)``."""
        pixels = self._prepare(images).to(self._model.device)
        return _unit(self._model(pixel_values=pixels).image_embeds)

    def rate(self, vectors: Tensor) -> Tensor:
        """Scores of images by their vectors, ``(images,)``: 1 is ugly, 10 is beautiful."""
        for weight, bias in self._layers:
            vectors = vectors @ weight.T + bias
        return vectors[:, 0]


Embedder = Clip | Dino | Aesthetic
CLASSES: dict[str, type[Embedder]] = {
    "pickscore": Clip,
    "hps-v2": Hps,
    "clip": Clip,
    "aesthetic": Aesthetic,
    "dino": Dino,
}


def _unit(vectors: Any) -> Any:
    return vectors / vectors.norm(dim=-1, keepdim=True)
