"""What a pipeline call will take, told by a rehearsal: the call itself, evaluating nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from typing import Any

from diffusers.models.modeling_outputs import Transformer2DModelOutput
from torch import Tensor, nn

from ..core import halves
from ..core.replaced import replaced
from . import offload
from .activations import Rehearsal, rehearse
from .attention import chunked
from .plan import Needs, Offload

# So many times the bytes of its latents is more than a call takes at usual sizes, though scores
# of attention were held whole: Wan 2.1 14B has 83,000, AnimateDiff 34,000, decoders 28,000 at
# most (tests/memory/test_needs.py). They grow with the square of the length: it is no bound.
USUAL = 100_000


@dataclass(frozen=True)
class Asked:
    """A call of a model: the method, and what it was given."""

    model: Any
    method: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def told(self) -> Rehearsal | None:
        return rehearse(self.method, *self.args, **self.kwargs)

    def peak(self) -> int | None:
        """Bytes that it takes beside the weights; None if that can't be told."""
        told = self.told()
        return told.peak if told else None

    @property
    def first(self) -> Tensor:
        return next(v for v in (*self.args, *self.kwargs.values()) if isinstance(v, Tensor))


def needs_of(models: Mapping[str, nn.Module], call: Callable[[], Any]) -> Needs:
    """The needs of a pipeline call that runs ``models``, which go by their component's name.

    Denoisers that only a side has are called "side" and what you like.
    """
    largest, whole, decoding = first_calls(models, call)

    @cache
    def denoise(budget: int | None) -> int | None:
        if budget is None:
            return whole.peak if whole else None
        with chunked(largest.model, budget):
            return largest.peak()

    @cache
    def decode() -> int | None:
        return 0 if decoding is None else decoding.peak()

    savers = () if decoding is None else tuple(_savers(decoding))
    return Needs(weights_of(models), denoise, decode, savers)


def _savers(decoding: Asked) -> Iterator[str]:
    """What a decoder could do to take less, and does not; the first changes no pixels."""
    if len(decoding.first) > 1 and getattr(decoding.model, "use_slicing", None) is False:
        yield "memory.vae_slicing"
    if getattr(decoding.model, "use_tiling", None) is False:
        yield "memory.vae_tiling"


def weights_of(models: Mapping[str, nn.Module]) -> dict[Offload, int]:
    """Bytes of weights that must be on the device at once."""
    return {
        "none": offload.total(models),
        "model": offload.least(models),
        "block": offload.least(models, blocks=True),
    }


def roughly(models: Mapping[str, nn.Module], call: Callable[[], Any]) -> int:
    """Bytes that a pipeline call hardly ever takes beside its weights; told at once."""
    with ExitStack() as stack:
        for module in _denoisers(models):
            stack.enter_context(replaced(module, "forward", _ending(module, module.forward)))
        reached = _ran_into(call)
    return 0 if reached is None else USUAL * reached.first.numel() * reached.first.element_size()


def first_calls(
    models: Mapping[str, nn.Module], call: Callable[[], Any]
) -> tuple[Asked, Rehearsal | None, Asked | None]:
    """The largest call of a denoiser and what it takes, and the decoder's call if there is one.

    The pipeline is called. Its denoisers answer with zeros, and at the decoder it ends.
    """
    asked: dict[tuple[Any, ...], tuple[Asked, Rehearsal | None]] = {}

    def answering(module: Any) -> Callable[..., Any]:
        forward = module.forward

        def answer(*args: Any, **kwargs: Any) -> Any:
            this = Asked(module, forward, args, kwargs)
            key = id(module), this.first.shape
            if key not in asked:
                asked[key] = this, this.told()
            told = asked[key][1]
            return _zeros(this) if told is None else told.zeros()

        return answer

    with ExitStack() as stack:
        for module in _denoisers(models):
            stack.enter_context(replaced(module, "forward", answering(module)))
        vae: Any = models.get("vae")
        if vae is not None:
            stack.enter_context(replaced(vae, "decode", _ending(vae, vae.decode)))
        decoding = _ran_into(call)
    # One that can't be told may be the largest.
    largest, told = max(
        asked.values(), key=lambda each: float("inf") if each[1] is None else each[1].peak
    )
    return largest, told, decoding


def _ending(model: Any, method: Callable[..., Any]) -> Callable[..., Any]:
    """Stands for a model's method where a pipeline is to be stopped."""

    def end(*args: Any, **kwargs: Any) -> Any:
        raise _Reached(Asked(model, method, args, kwargs))

    return end


def _ran_into(call: Callable[[], Any]) -> Asked | None:
    """The model's call that stopped a pipeline's, if any did."""
    try:
        call()
    except _Reached as reached:
        return reached.call
    return None


def _denoisers(models: Mapping[str, nn.Module]) -> list[Any]:
    """What runs in every step."""
    names = ("unet", "transformer", "transformer_2", "controlnet")
    return [m for name, m in models.items() if name in names or name.startswith("side")]


def _zeros(call: Asked) -> Any:
    """What a denoiser answers where that can't be rehearsed: as much as it was asked about."""
    out = halves.unevaluated({"latents": call.first}, call.model.config)
    if call.kwargs.get("return_dict", True):
        return Transformer2DModelOutput(sample=out[0])
    return out


class _Reached(Exception):
    """The pipeline has come to the call that was looked for."""

    def __init__(self, call: Asked) -> None:
        super().__init__()
        self.call = call
