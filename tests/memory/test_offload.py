"""Weights come when they are needed, and no more of them than there is room for.

"cpu" stands for the accelerator. What is not there is hidden behind NaN, so that a weight that
was not brought shows in the result.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import nn
from w2sd_video.pipelines import as_reflecting

from w2sd_video import Reflection, Side
from w2sd_video.memory import offload
from w2sd_video.memory.offload import Residency
from w2sd_video.memory.sharing import share

from .. import tiny


@pytest.fixture(autouse=True)
def _hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def hiding(self: offload.Weight, value: torch.Tensor) -> None:
        for user in self.users:  # pipelines read some buffers themselves, wherever they are
            hide = value is self.master and isinstance(user, nn.Parameter)
            user.data = torch.full_like(value, torch.nan) if hide else value

    monkeypatch.setattr(offload.Weight, "put", hiding)


class Models:
    """Of layers of 400 bytes each, to be run in any order."""

    def __init__(self, *names: str, layers: int = 3) -> None:
        self.models = {
            name: nn.Sequential(nn.ModuleList(nn.Linear(10, 10, bias=False) for _ in range(layers)))
            for name in names
        }

    def run(self, residency: Residency, order: str) -> int:
        """How many layers had to be brought."""
        before = residency.moved
        for name in order:
            for layer in self.models[name][0]:
                assert bool(layer(torch.ones(10)).isfinite().all())
        return (residency.moved - before) // 400


def test_a_pair_that_fits_is_brought_once() -> None:
    pair = Models("s", "w")
    residency = Residency(pair.models, "cpu", 2400, blocks=True)
    assert pair.run(residency, "sws") == 6
    assert pair.run(residency, "sws" * 3) == 0
    assert residency.peak == 2400


# Of six layers, by how many fit: what a step brings, at most, once steps are known. Giving up
# what was used longest ago would bring 9, 9, 9 and 6.
@pytest.mark.parametrize(("fit", "most"), [(2, 6), (3, 4), (4, 3), (5, 2)])
def test_what_is_needed_last_makes_room(fit: int, most: int) -> None:
    pair = Models("s", "w")
    residency = Residency(pair.models, "cpu", fit * 400, blocks=True)
    pair.run(residency, "sws" * 2)
    assert max(pair.run(residency, "sws") for _ in range(6)) <= most
    assert residency.peak == fit * 400


def test_the_end_of_reflection_is_noticed() -> None:
    """Plain steps follow on reflected ones; what they need stays."""
    pair = Models("s", "w")
    residency = Residency(pair.models, "cpu", 1600, blocks=True)
    pair.run(residency, "sws" * 4)
    pair.run(residency, "ss")
    assert pair.run(residency, "sss") == 0


def test_shared_weights_are_there_once() -> None:
    pair = Models("s", "w")
    for layer in (0, 2):
        pair.models["w"][0][layer].load_state_dict(pair.models["s"][0][layer].state_dict())
    share(pair.models["s"], pair.models["w"])
    assert offload.total(pair.models) == 1600
    residency = Residency(pair.models, "cpu", 1600)
    for model in pair.models.values():  # whole models; only the middle layers differ

        def forward(x: torch.Tensor, layers: nn.ModuleList = model[0]) -> torch.Tensor:
            return layers[2](layers[1](layers[0](x)))

        model._old_forward = forward
    for name in "sws":
        assert bool(pair.models[name](torch.ones(10)).isfinite().all())
    assert residency.peak == residency.moved == 1600


def test_whatever_does_not_fit_is_named() -> None:
    with pytest.raises(ValueError, match=r"s\.0\.0 needs 0 MiB of weights at once"):
        Residency(Models("s").models, "cpu", 399, blocks=True)


class Streams:
    """Stands for torch's: what is copied on a stream has arrived when its event is waited for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.aside = False
        self.under_way: set[offload.Weight] = set()
        bring = Residency._bring

        def bringing(residency: Residency, weight: offload.Weight) -> None:
            bring(residency, weight)
            if self.aside:
                self.under_way.add(weight)

        monkeypatch.setattr(Residency, "_bring", bringing)
        monkeypatch.setattr(torch.cuda, "stream", self._within)
        monkeypatch.setattr(torch.cuda, "current_stream", lambda device: self)
        monkeypatch.setattr(torch.Tensor, "record_stream", lambda tensor, stream: None)

    @contextmanager
    def _within(self, stream: Streams) -> Iterator[None]:
        self.aside = True
        yield
        self.aside = False

    def record_event(self) -> set[offload.Weight]:
        return set(self.under_way)

    def wait_event(self, event: set[offload.Weight]) -> None:
        self.under_way -= event


@pytest.mark.parametrize("fit", [2, 3, 4, 5])
def test_what_is_next_is_fetched_ahead(fit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is there before it is needed, and what gave way is needed after all that stays."""
    pair = Models("s", "w")
    residency = Residency(pair.models, "cpu", fit * 400, blocks=True)
    streams = residency._stream = Streams(monkeypatch)
    needed: list[tuple[str, bool]] = []  # and whether it was there
    # After how many needs, what was, what gave way for it and what was there then.
    fetched: list[tuple[int, str, list[str], list[str]]] = []
    need, fetch, drop = residency.need, residency._fetch, residency._drop

    def needing(unit: offload.Unit) -> None:
        needed.append((unit.name, unit.there))
        need(unit)
        assert unit.there
        assert not streams.under_way.intersection(unit.weights)

    def fetching(unit: offload.Unit, *how: Any) -> bool:
        fetched.append((len(needed), unit.name, [], []))
        done = fetch(unit, *how)
        fetched[-1][3].extend(other.name for _, other in residency._units if other.there)
        return done

    def dropping(unit: offload.Unit) -> None:
        if fetched and unit.there:
            fetched[-1][2].append(unit.name)
        drop(unit)

    monkeypatch.setattr(residency, "need", needing)
    monkeypatch.setattr(residency, "_fetch", fetching)
    monkeypatch.setattr(residency, "_drop", dropping)
    pair.run(residency, "sws" * 2)
    known = len(needed)
    pair.run(residency, "sws" * 4)
    assert all(there for _, there in needed[known:])
    assert residency.peak == fit * 400

    names = [name for name, _ in needed]
    ahead = [each for each in fetched if known < each[0] <= len(names) - 9]
    assert ahead
    for moment, name, gone, there in ahead:
        assert names[moment] == name
        stays = [names.index(other, moment) for other in there if other != names[moment - 1]]
        assert all(names.index(other, moment) > max(stays) for other in gone)


def parts(pipe: Any) -> dict[str, nn.Module]:
    return {k: part for k, part in pipe.components.items() if isinstance(part, nn.Module)}


@pytest.mark.parametrize("blocks", [False, True], ids=["model", "block"])
@pytest.mark.parametrize("key", tiny.FAMILIES)
def test_every_family(key: str, blocks: bool) -> None:
    family = tiny.FAMILIES[key]
    pipe = as_reflecting(family.make())
    weak = []
    for name in pipe.family.modules(pipe):
        other = copy.deepcopy(getattr(pipe, name))
        with torch.no_grad():
            next(p for p in other.parameters() if p.ndim > 1).mul_(1.1)
        share(getattr(pipe, name), other)
        weak.append(other)
    reflection = Reflection(weak=Side(denoiser=tuple(weak)))
    plain, reflected = family.run(pipe), family.run(pipe, reflection=reflection)
    models = parts(pipe) | {f"weak {i}": module for i, module in enumerate(weak)}
    budget = offload.least(models, blocks)
    residency = Residency(models, "cpu", budget, blocks)
    assert torch.equal(family.run(pipe), plain)
    assert torch.equal(family.run(pipe, reflection=reflection), reflected)
    assert residency.peak <= budget
    residency.remove()
    assert residency.resident == 0
    assert not any(hasattr(part, "_hf_hook") for m in models.values() for part in m.modules())
