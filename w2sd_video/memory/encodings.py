"""Text is encoded once: what an encoder made of a prompt is kept for the calls to come.

A reflected clip and its plain twin have the same prompt, most lists have one negative prompt,
and with weights in host memory each encoding would bring the encoder to the device again.
"""

from __future__ import annotations

import functools
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import Tensor, nn
from torch.utils._pytree import TreeSpec, tree_flatten, tree_unflatten
from transformers.utils import ModelOutput

from ..core.replaced import replaced
from .tensors import MIB

ROOM = 256 * MIB  # some hundred prompts of the largest encoders

# Outputs of language models that no pipeline looks at, some of them larger than all others.
UNUSED = {"logits", "past_key_values", "image_hidden_states", "rope_deltas"}

Outputs = list[Any]  # of one prompt: tensors in host memory, and None


class Encodings:
    """Outputs of text encoders, prompt by prompt.

    Every prompt is encoded alone, so that it is the same in every batch.

    Args:
        room: bytes that are kept, in host memory; what was not needed for longest goes first.
    """

    def __init__(self, room: int = ROOM) -> None:
        self._room = room
        self._kept: OrderedDict[Hashable, Outputs] = OrderedDict()
        self._specs: dict[Hashable, TreeSpec] = {}

    @contextmanager
    def used(self, encoders: Iterable[nn.Module]) -> Iterator[None]:
        """Within it, the encoders are asked only for what they have not encoded before."""
        with ExitStack() as stack:
            for encoder in encoders:
                forward = encoder.forward
                asked = functools.partial(self._ask, encoder, forward)
                stack.enter_context(replaced(encoder, "forward", functools.wraps(forward)(asked)))
            yield

    def _ask(
        self, encoder: nn.Module, forward: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Any:
        given = dict(enumerate(args)) | kwargs
        tensors = {name: value for name, value in given.items() if isinstance(value, Tensor)}
        how = {name: value for name, value in given.items() if name not in tensors}
        rows = {len(tensor) if tensor.ndim else 0 for tensor in tensors.values()}
        if len(rows) != 1 or 0 in rows or not all(_is_plain(value) for value in how.values()):
            return forward(*args, **kwargs)
        (count,) = rows
        device = next(iter(tensors.values())).device
        asked = id(encoder), _adapters(encoder), str(device), repr(how)
        outputs: list[Outputs] = []
        for row in range(count):
            own = {name: tensor[row : row + 1] for name, tensor in tensors.items()}
            key = asked, tuple((name, _content(tensor)) for name, tensor in own.items())
            if key not in self._kept:
                alone = [own.get(index, value) for index, value in enumerate(args)]
                named = {name: own.get(name, value) for name, value in kwargs.items()}
                output = forward(*alone, **named)
                leaves, spec = tree_flatten(_useful(output))
                if not all(_is_of_one(leaf) for leaf in leaves):
                    return output if count == 1 else forward(*args, **kwargs)
                self._keep(key, [None if leaf is None else leaf.cpu() for leaf in leaves])
                self._specs[asked] = spec
            self._kept.move_to_end(key)
            outputs.append(self._kept[key])
        self._forget()
        leaves = [
            None if each[0] is None else torch.cat(each).to(device)
            for each in zip(*outputs, strict=True)
        ]
        return tree_unflatten(leaves, self._specs[asked])

    def _keep(self, key: Hashable, outputs: Outputs) -> None:
        self._kept[key] = outputs
        self._room -= _bytes(outputs)

    def _forget(self) -> None:
        while self._room < 0:
            _, outputs = self._kept.popitem(last=False)
            self._room += _bytes(outputs)


def _adapters(encoder: nn.Module) -> str:
    """Which LoRAs are in it, and how strongly."""
    layers = (m for m in encoder.modules() if isinstance(m, BaseTunerLayer))
    states = [
        (m.active_adapters, m.disable_adapters, m.merged, getattr(m, "scaling", None))
        for m in layers
    ]
    return repr(states)


def _useful(output: Any) -> Any:
    if not isinstance(output, ModelOutput):
        return output
    return type(output)(**{name: v for name, v in output.items() if name not in UNUSED})


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, (bool, int, float, str))


def _is_of_one(leaf: Any) -> bool:
    return leaf is None or (isinstance(leaf, Tensor) and leaf.ndim > 0 and len(leaf) == 1)


def _content(tensor: Tensor) -> Hashable:
    data = tensor.contiguous().cpu().view(torch.uint8).numpy().tobytes()
    return tensor.dtype, tuple(tensor.shape), hashlib.sha256(data).digest()


def _bytes(outputs: Outputs) -> int:
    return sum(leaf.numel() * leaf.element_size() for leaf in outputs if leaf is not None)
