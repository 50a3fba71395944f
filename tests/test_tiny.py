"""The tiny pipelines run, repeat themselves, and are not so tiny that nothing matters."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from . import tiny
from .tiny import Tiny


@pytest.fixture(scope="module", params=tiny.FAMILIES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def family(name: str) -> Tiny:
    return tiny.FAMILIES[name]


@pytest.fixture(scope="module")
def pipe(family: Tiny) -> Any:
    return family.make()


@pytest.fixture(scope="module")
def latents(family: Tiny, pipe: Any) -> torch.Tensor:
    return family.run(pipe)


def differs(a: torch.Tensor, b: torch.Tensor, at_least: float = 0.003) -> bool:
    return bool((a - b).abs().mean() > at_least * b.abs().mean())


def test_the_same_again(family: Tiny, pipe: Any, latents: torch.Tensor) -> None:
    assert torch.isfinite(latents).all()
    assert torch.equal(family.run(pipe), latents)
    assert torch.equal(family.run(family.make()), latents)


def test_prompts_and_noise_matter(family: Tiny, pipe: Any, latents: torch.Tensor) -> None:
    assert differs(family.run(pipe, first=1), latents)
    if family.negative_prompt is not None:
        assert differs(family.run(pipe, negative_prompt="nothing at all"), latents)
    assert differs(family.run(pipe, seed=7), latents, at_least=0.1)


@pytest.mark.parametrize(
    "name", [key for key in tiny.FAMILIES if key.endswith("-ip")], indirect=True
)
def test_the_image_matters(family: Tiny, pipe: Any, latents: torch.Tensor) -> None:
    images = family.arguments(1)["ip_adapter_image_embeds"]
    others = [-image for image in images] if isinstance(images, list) else -images
    assert differs(family.run(pipe, ip_adapter_image_embeds=others), latents)
    for scale in (0.5, 0.0):
        pipe.set_ip_adapter_scale(scale)
        try:
            assert differs(family.run(pipe), latents)
        finally:
            pipe.set_ip_adapter_scale(1.0)


def test_the_time_matters(family: Tiny, pipe: Any) -> None:
    calls = []

    def keep(module: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        # UNets are told the time by position.
        calls.append((args, {**kwargs, "timestep": args[1]} if args[1:] else kwargs))

    denoiser = getattr(pipe, "transformer", None) or pipe.unet
    with denoiser.register_forward_pre_hook(keep, with_kwargs=True):
        family.run(pipe)
    args, kwargs = calls[0]
    outs = [
        denoiser(*args[:1], **{**kwargs, "timestep": time})[0].detach()
        for time in (kwargs["timestep"], kwargs["timestep"] / 3 + 50)
    ]
    assert differs(*outs)


@pytest.mark.parametrize(
    "name", [key for key, f in tiny.FAMILIES.items() if f.batches], indirect=True
)
def test_a_batch_is_its_clips(name: str, family: Tiny, pipe: Any, latents: torch.Tensor) -> None:
    both = family.run(pipe, batch=2)
    assert both.shape == (2, *latents.shape[1:])
    if name != "LattePipeline":  # masks the prompts of a batch, but cuts a single one
        for one, clip in zip((latents, family.run(pipe, seed=1, first=1)), both, strict=True):
            assert torch.allclose(one[0], clip, atol=1e-4 * float(one.abs().max()))


def test_half_precision(family: Tiny) -> None:
    assert torch.isfinite(family.run(family.make(dtype=torch.bfloat16))).all()
