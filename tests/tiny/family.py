"""What a test may ask of a family: its pipeline, and the arguments of a call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

PROMPTS = ("a red circle", "a blue ring", "two stars", "a cross moving left")


@dataclass(frozen=True)
class Tiny:
    """One family.

    Attributes:
        stock: the diffusers class.
        parts: makes its components.
        arguments: of a call for so many clips, beside prompts, steps and generators.
        output: where the result of a call has the latents.
        prompt: the argument that says what to show.
        prompts: its values, one a clip.
        negative_prompt: the other half of guidance; None where it cannot be chosen.
        batches: whether diffusers can make several clips in one call.
        finish: completes a pipeline.
    """

    stock: type
    parts: Callable[[], dict[str, Any]]
    arguments: Callable[[int], dict[str, Any]]
    output: str = "frames"
    prompt: str = "prompt"
    prompts: tuple[Any, ...] = PROMPTS
    negative_prompt: str | None = "a gray square"
    batches: bool = True
    finish: Callable[[Any], None] = lambda pipe: None

    def make(self, cls: type | None = None, dtype: torch.dtype = torch.float32) -> Any:
        """A pipeline of ``cls``, the stock class by default; always with the same weights."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            pipe = (cls or self.stock)(**self.parts())
            self.finish(pipe)
            for part in pipe.components.values():
                if isinstance(part, nn.Module):
                    awake(part.eval())
        pipe.set_progress_bar_config(disable=True)
        return pipe if dtype is torch.float32 else pipe.to(dtype)

    def call(
        self, steps: int = 3, batch: int = 1, seed: int = 0, first: int = 0, **changes: Any
    ) -> dict[str, Any]:
        """The arguments of a call that returns latents.

        Clip number i of the batch shows prompt ``first + i`` from noise of ``seed + i``.
        """
        arguments = {
            self.prompt: list(self.prompts[first : first + batch]),
            "num_inference_steps": steps,
            "generator": [torch.Generator().manual_seed(seed + i) for i in range(batch)],
            "output_type": "latent",
        }
        if self.negative_prompt is not None:
            arguments["negative_prompt"] = [self.negative_prompt] * batch
        if batch == 1 and isinstance(self.prompts[0], str):  # as people call it
            arguments = {k: v[0] if isinstance(v, list) else v for k, v in arguments.items()}
        return {**arguments, **self.arguments(batch), **changes}

    def run(self, pipe: Any, **call: Any) -> Tensor:
        """The latents of one call."""
        arguments = self.call(**call)
        image = arguments.get("ip_adapter_image_embeds")
        if isinstance(image, Tensor):  # Stable Diffusion 3 wants it in its own type
            arguments["ip_adapter_image_embeds"] = image.to(pipe.dtype)
        latents: Tensor = pipe(**arguments)[self.output]
        return latents


def awake(module: nn.Module) -> None:
    """Random numbers for weights that begin at zero: there would be nothing to see."""
    for name, p in module.named_parameters():
        if not name.endswith("bias") and not p.any():
            nn.init.normal_(p, std=0.2)
