"""A pipeline on a device, in the way that a plan says."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cache
from typing import Any, Literal

import torch
from torch import nn

from . import host
from .attention import chunked
from .needs import needs_of, roughly, weights_of
from .offload import Residency
from .plan import Needs, Offload, Plan, choose, leaner
from .sharing import move

log = logging.getLogger(__name__)

USABLE = 0.9  # of what is free; allocators round up, kernels take room of their own


class Fit:
    """Has a pipeline and the other denoisers of its runs fit a device.

    Args:
        share: of what is free, where others take the rest.

    Attributes:
        plan: the one in force.
    """

    def __init__(self, device: torch.device | str, share: float = 1.0) -> None:
        self.device = torch.device(device)
        self._share = share
        self.plan: Plan | None = None
        self._models: dict[str, nn.Module] = {}
        self._wish: tuple[Any, ...] = ()
        self._exactly: Callable[[], Needs]
        self._limit = self._least = 0  # bytes; the least that running out may bring it down to
        self._residency: Residency | None = None

    def prepare(
        self,
        pipe: Any,
        sides: Sequence[nn.Module],
        call: Callable[[], Any],
        offload: Offload | Literal["auto"] = "auto",
        attention: int | Literal["auto"] | None = "auto",
        limit: int | None = None,
    ) -> Plan:
        """Choose a plan for a call of ``pipe`` and put the weights where it wants them.

        A plan that is in force stays if the call fits it, so that clips with and without
        reflection can take turns.

        Args:
            sides: denoisers of the strong and the weak side that are not the pipeline's.
            call: makes the call. What it evaluates is not computed, see ``needs``.
            limit: bytes to use of the device; None is what is free.

        Raises:
            DoesNotFitError: if no plan fits.
        """
        wish = offload, attention, limit
        if self._gather(pipe, sides) or wish != self._wish:
            self.release()
            self._wish = wish
            self._limit = self._free() if limit is None else limit
            self._least = self._limit // 2
        if self._apart:
            weights = weights_of(self._models)
        else:
            offload, weights = "none", {"none": 0}

        def exactly() -> Needs:
            self.release()
            told = needs_of(self._models, call)
            return replace(told, weights=weights)

        self._exactly = cache(exactly)
        before, quick = self.plan, roughly(self._models, call)
        needs = Needs(weights, lambda pieces: quick)
        named = attention != "auto" or offload not in ("auto", "none")
        if named or weights["none"] + quick > self._limit:
            needs = self._exactly()  # which takes seconds for large models
        if before is None or not _stays(before, needs, self._limit):
            return self._apply(choose(needs, self._limit, offload, attention))
        return self.plan or self._apply(before)

    def _gather(self, pipe: Any, sides: Sequence[nn.Module]) -> bool:
        """Note what may run from here on; whether that is more than before."""
        models = {k: m for k, m in pipe.components.items() if isinstance(m, nn.Module)}
        known = {id(module) for module in (*self._models.values(), *models.values())}
        for side in sides:
            if id(side) not in known:
                known.add(id(side))
                models[f"side {len(known)}"] = side
        before = dict(self._models)
        self._models |= models
        return self._models != before

    def leaner(self) -> Plan:
        """After the device ran out of memory: a plan of the call prepared last that takes clearly
        less.

        Raises:
            DoesNotFitError: if there is none.
        """
        assert self.plan is not None
        plan = self.plan
        self.release()
        # Moved weights take what there is of it.
        self._limit = max(self._limit * 3 // 4, self._least)
        return self._apply(leaner(self._exactly(), plan, "auto" if self._apart else "none"))

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Within it, layers are evaluated in the pieces of the plan."""
        assert self.plan is not None
        with ExitStack() as stack:
            if self.plan.attention is not None:
                for name, model in self._models.items():
                    if not name.startswith("text_encoder"):
                        stack.enter_context(chunked(model, self.plan.attention))
            yield

    @property
    def _apart(self) -> bool:
        """Whether the device has memory of its own, so that weights are there or in the host's."""
        return self.device.type != "cpu"

    def _free(self) -> int:
        if self.device.type == "cuda":
            # What this process holds of the device makes way.
            free = torch.cuda.mem_get_info(self.device)[0] + torch.cuda.memory_reserved(self.device)
        else:
            free = host.available()
        return int(free * USABLE * self._share)

    def _apply(self, plan: Plan) -> Plan:
        log.info("plan: %s", plan)
        self.release()
        move(self._models.values(), self.device if plan.offload == "none" else "cpu")
        if plan.offload != "none":
            beside = plan.activations
            room = self._limit // 2 if beside is None else self._limit - beside
            room = max(room, plan.weights)
            blocks = plan.offload == "block"
            self._residency = Residency(self._models, self.device, room, blocks)
        self.plan = plan
        return plan

    def release(self) -> None:
        """Bring all weights back to host memory; no plan is in force then."""
        if self._residency is not None:
            self._residency.remove()
            self._residency = None
        if self._apart:
            move(self._models.values(), "cpu")
        self.plan = None


def _stays(plan: Plan, needs: Needs, limit: int) -> bool:
    return replace(plan, activations=needs.activations(plan.attention)).fits(limit)
