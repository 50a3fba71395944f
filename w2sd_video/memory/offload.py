"""Weights on the accelerator when they are needed: for models that do not fit there together.

The master of every weight stays in host memory for good, so giving one up only forgets a copy.
What is given up is what will be needed last (Belady's rule), and what will be needed is what
followed before: a reflected run goes strong, weak, final, again and again. Weights that two
models share are one copy, so going from one to the other moves only what differs.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from accelerate.hooks import ModelHook, add_hook_to_module, remove_hook_from_module
from torch import Tensor, nn

from .tensors import place, size, tensors

HISTORY = 5000  # needs that are remembered: several steps of the largest models, by blocks


@dataclass(eq=False)
class Weight:
    """One tensor in host memory, and the parameters and buffers that it is the value of."""

    master: Tensor
    users: list[Tensor] = field(default_factory=list)
    copy: Tensor | None = None
    holders: int = 0  # units on the device that it belongs to

    @property
    def bytes(self) -> int:
        return self.master.numel() * self.master.element_size()

    def put(self, value: Tensor) -> None:
        for user in self.users:
            user.data = value


@dataclass(eq=False)
class Unit:
    """What is moved together: a model, or a block of it, or what it has beside its blocks."""

    name: str
    weights: list[Weight]
    around: Unit | None = None  # of a block: its model's other weights
    there: bool = False

    @property
    def missing(self) -> int:
        """Bytes that would have to be brought."""
        return sum(weight.bytes for weight in self.weights if weight.copy is None)


class Residency:
    """Keeps the weights of several models within a budget on one device.

    Args:
        models: by name; in host memory. Equal weights must be shared before (``sharing``).
        device: where the models run. On "cpu" all happens as on an accelerator, between two
            places in host memory.
        budget: bytes of weights that may be there at once.
        blocks: move models block by block (by what stands in their module lists).

    Attributes:
        resident, peak: bytes that are there, and the most there have been.
        moved: bytes brought there so far.

    Raises:
        ValueError: if what must be there at once is more than the budget.
    """

    def __init__(
        self,
        models: Mapping[str, nn.Module],
        device: torch.device | str,
        budget: int,
        blocks: bool = False,
    ) -> None:
        self.device, self.budget = torch.device(device), budget
        self.resident = self.peak = self.moved = 0
        self._stream = torch.cuda.Stream(self.device) if self.device.type == "cuda" else None
        self._ahead: tuple[Unit, Any] | None = None  # begun to fetch, and the event of its end
        self._trace: list[Unit] = []  # what was needed, in order
        self._units: list[tuple[nn.Module, Unit]] = []
        weights: dict[Hashable, Weight] = {}
        for name, model in models.items():
            self._units += _units(name, model, blocks, weights)
        largest = max((unit for _, unit in self._units), key=_at_once)
        if _at_once(largest) > budget:
            raise ValueError(
                f"{largest.name} needs {size(_at_once(largest))} of weights at once, and there is "
                f"room for {size(budget)}"
            )
        for weight in weights.values():
            if self._stream is not None:
                weight.master = weight.master.pin_memory()
            weight.put(weight.master)
        for module, unit in self._units:
            add_hook_to_module(module, _Need(self, unit))

    def remove(self) -> None:
        """Forget all copies; the models are in host memory again, without hooks."""
        for module, unit in self._units:
            remove_hook_from_module(module)
            self._drop(unit)
        self._units.clear()
        self._trace.clear()

    def need(self, unit: Unit) -> None:
        """Have it on the device now, and begin to fetch what is likely to be next."""
        self._trace.append(unit)
        del self._trace[:-HISTORY]
        future = self._future()
        in_use = {unit, unit.around or unit}
        if not unit.there:
            self._fetch(unit, in_use, future)
        if self._stream is not None:
            self._fetch_ahead(self._stream, in_use, future)

    def _fetch_ahead(self, side: Any, in_use: set[Unit], future: list[Unit]) -> None:
        """Begin to bring what is next, on a stream of its own, while this unit runs."""
        if self._ahead is not None:
            fetched, arrival = self._ahead
            self._ahead = None
            stream = torch.cuda.current_stream(self.device)
            stream.wait_event(arrival)
            for weight in fetched.weights:  # copied on one stream, used on another
                if weight.copy is not None:
                    weight.copy.record_stream(stream)
        unit = next((other for other in future if other not in in_use), None)
        if unit is not None and not unit.there:
            with torch.cuda.stream(side):
                if self._fetch(unit, in_use, future):
                    self._ahead = unit, side.record_event()

    def _future(self) -> list[Unit]:
        """What is needed from here on, as far as the past tells: what followed when it was alike.

        Most alike is the moment before which most needs were the same.
        """
        trace, now = self._trace, len(self._trace) - 1
        best, most = now, 0
        for then in range(now - 1, -1, -1):
            if trace[then] is not trace[now]:
                continue
            same = 1
            while same <= then and trace[then - same] is trace[now - same]:
                same += 1
            if same > most:
                best, most = then, same
            if same > now - then:  # a whole period; further back it is only the same again
                break
        return trace[best + 1 :]

    def _fetch(self, unit: Unit, in_use: set[Unit], future: list[Unit]) -> bool:
        """Bring a unit, in place of what is needed last; False if there is no room for it."""
        after = {other: index for index, other in reversed(list(enumerate(future)))}
        others = [u for _, u in self._units if u.there and u not in in_use and u is not unit]
        others.sort(key=lambda u: after.get(u, len(future)))
        while self.resident + unit.missing > self.budget:
            if not others:
                return False
            self._drop(others.pop())
        for weight in unit.weights:
            weight.holders += 1
            if weight.copy is None:
                self._bring(weight)
        unit.there = True
        return True

    def _bring(self, weight: Weight) -> None:
        weight.copy = weight.master.to(
            self.device, non_blocking=self._stream is not None, copy=True
        )
        weight.put(weight.copy)
        self.moved += weight.bytes
        self.resident += weight.bytes
        self.peak = max(self.peak, self.resident)

    def _drop(self, unit: Unit) -> None:
        if not unit.there:
            return
        unit.there = False
        for weight in unit.weights:
            weight.holders -= 1
            if not weight.holders:
                weight.put(weight.master)
                weight.copy = None
                self.resident -= weight.bytes


def least(models: Mapping[str, nn.Module], blocks: bool = False) -> int:
    """The smallest budget that these models can run with, in bytes."""
    weights: dict[Hashable, Weight] = {}
    units = [u for name, model in models.items() for _, u in _units(name, model, blocks, weights)]
    return max(_at_once(unit) for unit in units)


def total(models: Mapping[str, nn.Module]) -> int:
    """Bytes of all weights, those that models share once."""
    weights: dict[Hashable, Weight] = {}
    for model in models.values():
        _weights(tensors(model).values(), weights)
    return sum(weight.bytes for weight in weights.values())


def _at_once(unit: Unit) -> int:
    """Bytes without which a unit cannot run."""
    together = {id(w): w for w in [*unit.weights, *(unit.around.weights if unit.around else [])]}
    return sum(weight.bytes for weight in together.values())


class _Need(ModelHook):
    """Tells the residency that a module is about to run; pipelines read the device off it."""

    def __init__(self, residency: Residency, unit: Unit) -> None:
        self._residency, self._unit = residency, unit
        self.execution_device = residency.device

    def pre_forward(self, module: nn.Module, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        self._residency.need(self._unit)
        return args, kwargs


def _units(
    name: str, model: nn.Module, blocks: bool, weights: dict[Hashable, Weight]
) -> Iterator[tuple[nn.Module, Unit]]:
    """The modules to run and what each needs; ``weights`` are those known, by their memory."""
    parts = list(_blocks(model)) if blocks else []
    inside = {id(tensor) for _, part in parts for tensor in tensors(part).values()}
    rest = [tensor for tensor in tensors(model).values() if id(tensor) not in inside]
    whole = Unit(name, _weights(rest, weights))
    yield model, whole
    for key, part in parts:
        yield part, Unit(f"{name}.{key}", _weights(tensors(part).values(), weights), whole)


def _blocks(module: nn.Module, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    """What stands in the outermost module lists."""
    for name, child in module.named_children():
        if isinstance(module, nn.ModuleList):
            yield prefix + name, child
        else:
            yield from _blocks(child, f"{prefix}{name}.")


def _weights(given: Iterable[Tensor], known: dict[Hashable, Weight]) -> list[Weight]:
    found: dict[int, Weight] = {}
    for tensor in given:
        weight = known.setdefault(place(tensor), Weight(tensor.data))
        if all(user is not tensor for user in weight.users):
            weight.users.append(tensor)
        found[id(weight)] = weight
    return list(found.values())
