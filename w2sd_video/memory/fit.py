"""A pipeline on a device, in the way that a plan says."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Literal

import psutil
import torch
from torch import nn

from .attention import chunked
from .needs import needs_of, roughly, weights_of
from .offload import Residency
from .plan import Needs, Offload, Plan, choose, leaner
from .sharing import move

log = logging.getLogger(__name__)

USABLE = 0.9  # of what is free; allocators round up, kernels take room of their own


class Fit:
    """Has pipelines and the other denoisers of a run fit a device.

    Attributes:
        plan: the one in force.
    """

    def __init__(self, device: torch.device | str) -> None:
        self.device = torch.device(device)
        self.plan: Plan | None = None
        self._models: dict[str, nn.Module] = {}
        self._exactly: Callable[[], Needs]
        self._limit = 0
        self._residency: Residency | None = None

    def prepare(
        self,
        pipe: Any,
        sides: Sequence[nn.Module],
        arguments: Mapping[str, Any],
        offload: Offload | Literal["auto"] = "auto",
        attention: int | Literal["auto"] | None = "auto",
        limit: int | None = None,
    ) -> Plan:
        """Choose a plan for ``pipe(**arguments)`` and put the weights where it wants them.

        Args:
            sides: denoisers of the strong and the weak side that are not the pipeline's.
            limit: bytes to use of the device; None is what is free.

        Raises:
            DoesNotFitError: if no plan fits.
        """
        self.release()
        parts = {k: m for k, m in pipe.components.items() if isinstance(m, nn.Module)}
        self._models = parts | {f"side {i + 1}": side for i, side in enumerate(sides)}
        self._limit = limit = self._free() if limit is None else limit
        if self._apart:
            weights = weights_of(self._models)
        else:
            offload, weights = "none", {"none": 0}

        def exactly() -> Needs:
            told = needs_of(pipe, self._models, arguments)
            return Needs(weights, told.denoise, told.decode)

        self._exactly = exactly
        quick = roughly(pipe, arguments)
        needs = Needs(weights, lambda pieces: quick)
        if (
            attention != "auto"
            or offload not in ("auto", "none")
            or weights["none"] + quick > limit
        ):
            needs = exactly()  # which takes seconds for large models
        return self._apply(choose(needs, limit, offload, attention))

    def leaner(self) -> Plan:
        """After the device ran out of memory: a plan that takes clearly less.

        Raises:
            DoesNotFitError: if there is none.
        """
        assert self.plan is not None
        self.release()
        return self._apply(leaner(self._exactly(), self.plan, "auto" if self._apart else "none"))

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
            free = psutil.virtual_memory().available
        return int(free * USABLE)

    def _apply(self, plan: Plan) -> Plan:
        log.info("plan: %s", plan)
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
        """Let go of the weights: where they are moved, they are in host memory again."""
        if self._residency is not None:
            self._residency.remove()
            self._residency = None
