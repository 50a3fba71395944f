"""What a pipeline call will take, told by a rehearsal: the call itself, evaluating nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any

from diffusers.models.modeling_outputs import Transformer2DModelOutput
from torch import Tensor, nn

from ..core import halves
from . import offload
from .activations import Rehearsal, rehearse
from .attention import chunked
from .plan import Needs, Offload

# Where a call's memory is not or can't be told: so many times the bytes of its latents.
UNTOLD = 10_000


@dataclass(frozen=True)
class Asked:
    """A call of a model: the method, and what it was given."""

    model: Any
    method: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def told(self) -> Rehearsal | None:
        return rehearse(self.method, *self.args, **self.kwargs)

    def peak(self) -> int:
        """Bytes that it takes beside the weights."""
        told = self.told()
        return self.untold() if told is None else told.peak

    def untold(self) -> int:
        return UNTOLD * self.first.numel() * self.first.element_size()

    @property
    def first(self) -> Tensor:
        return next(v for v in (*self.args, *self.kwargs.values()) if isinstance(v, Tensor))


def needs_of(pipe: Any, models: Mapping[str, nn.Module], arguments: Mapping[str, Any]) -> Needs:
    """The needs of ``pipe(**arguments)``, which runs ``models``."""
    denoising, decoding = first_calls(pipe, arguments)

    @cache
    def denoise(budget: int | None) -> int:
        with nullcontext() if budget is None else chunked(denoising.model, budget):
            return denoising.peak()

    @cache
    def decode() -> int:
        return 0 if decoding is None else decoding.peak()

    return Needs(weights_of(models), denoise, decode)


def weights_of(models: Mapping[str, nn.Module]) -> dict[Offload, int]:
    """Bytes of weights that must be on the device at once."""
    return {
        "none": offload.total(models),
        "model": offload.least(models),
        "block": offload.least(models, blocks=True),
    }


def at_most(pipe: Any, arguments: Mapping[str, Any]) -> int:
    """Bytes that ``pipe(**arguments)`` takes beside its weights, on the safe side; quick."""

    def stop(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        raise _Reached(Asked(module, module.forward, args, kwargs))

    hooks = [
        module.register_forward_pre_hook(stop, with_kwargs=True) for module in _denoisers(pipe)
    ]
    try:
        pipe(**arguments)
    except _Reached as reached:
        call: Asked = reached.args[0]
        return call.untold()
    finally:
        for hook in hooks:
            hook.remove()
    raise RuntimeError(f"{type(pipe).__name__} never called its denoiser")


def first_calls(pipe: Any, arguments: Mapping[str, Any]) -> tuple[Asked, Asked | None]:
    """The first call of a denoiser, and the decoder's if there is one.

    The pipeline is called. Its denoisers answer with zeros, and at the decoder it ends.
    """
    asked: list[Asked] = []
    answers: dict[tuple[Any, ...], Any] = {}

    def answering(module: Any) -> Callable[..., Any]:
        forward = module.forward

        def answer(*args: Any, **kwargs: Any) -> Any:
            call = Asked(module, forward, args, kwargs)
            asked.append(call)
            key = id(module), call.first.shape
            if key not in answers:
                told = call.told()
                answers[key] = _zeros(call) if told is None else told.zeros()
            return answers[key]

        return answer

    def ending(vae: Any) -> Callable[..., Any]:
        decode = vae.decode

        def end(*args: Any, **kwargs: Any) -> Any:
            raise _Reached(Asked(vae, decode, args, kwargs))

        return end

    with ExitStack() as stack:
        for module in _denoisers(pipe):
            stack.enter_context(_replaced(module, "forward", answering(module)))
        if (vae := getattr(pipe, "vae", None)) is not None:
            stack.enter_context(_replaced(vae, "decode", ending(vae)))
        try:
            pipe(**arguments)
        except _Reached as reached:
            return asked[0], reached.args[0]
    return asked[0], None


@contextmanager
def _replaced(module: Any, name: str, method: Callable[..., Any]) -> Iterator[None]:
    """Within it, ``method`` stands for one of the module's own."""
    state = module.__dict__
    before = {name: state[name]} if name in state else {}
    state[name] = method
    try:
        yield
    finally:
        del state[name]
        state.update(before)


def _denoisers(pipe: Any) -> list[Any]:
    found = (getattr(pipe, name, None) for name in ("unet", "transformer", "transformer_2"))
    return [module for module in found if module is not None]


def _zeros(call: Asked) -> Any:
    """What a denoiser answers where that can't be rehearsed: as much as it was asked about."""
    out = halves.unevaluated({"latents": call.first}, call.model.config)
    if call.kwargs.get("return_dict", True):
        return Transformer2DModelOutput(sample=out[0])
    return out


class _Reached(Exception):
    """The pipeline has come to the call that was looked for."""
