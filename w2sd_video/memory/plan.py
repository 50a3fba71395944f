"""How a run fits its device: which weights stay there, in what pieces layers are evaluated.

There is a trade at every step: pieces cost a little time, going through host memory costs more.
The plan is the first that fits, from the fastest to the leanest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from .tensors import MIB, size

Offload = Literal["none", "model", "block"]

OFFLOADS: tuple[Offload, ...] = ("none", "model", "block")
# Budgets of attention and feed-forward layers; None evaluates them whole.
PIECES = (None, 1024 * MIB, 256 * MIB, 64 * MIB, 16 * MIB)


class DoesNotFitError(MemoryError):
    """Not even the leanest plan fits."""


@dataclass(frozen=True)
class Plan:
    """One way to run.

    Attributes:
        offload: what is moved to the device and away: nothing, models, or their blocks.
        attention: bytes that an attention or feed-forward layer may hold; None: no limit.
        weights: the fewest bytes of weights that must be on the device at once.
        activations: the most bytes beside them; None if that can't be told.
    """

    offload: Offload
    attention: int | None
    weights: int
    activations: int | None

    @property
    def bytes(self) -> int:
        """What is known to be needed."""
        return self.weights + (self.activations or 0)

    @property
    def whole(self) -> bool:
        """Whether weights stay where they are and layers are evaluated at once."""
        return self.offload == "none" and self.attention is None

    def fits(self, limit: int) -> bool:
        """Whether it keeps to so many bytes. What can't be told is taken for half of them."""
        room = limit // 2 if self.activations is None else limit - self.activations
        return self.weights <= room

    def __str__(self) -> str:
        how = {
            "none": "all weights on the device",
            "model": "one model on the device at a time",
            "block": "weights on the device by blocks",
        }
        parts = [how[self.offload]]
        if self.weights:  # where host memory is the device, they are there already
            parts[0] += f" ({size(self.weights)})"
        if self.attention is not None:
            parts.append(f"attention in pieces of {size(self.attention)}")
        beside = "unknown" if self.activations is None else size(self.activations)
        return ", ".join(parts) + f", {beside} beside them"


@dataclass(frozen=True)
class Needs:
    """What a run takes, in bytes.

    Attributes:
        weights: on the device at once, by how they are moved.
        denoise: beside the weights, in a denoiser call, by the budget of its layers; None if
            that can't be told.
        decode: likewise, in decoding.
        savers: settings that are off, and with which decoding takes less.
    """

    weights: Mapping[Offload, int]
    denoise: Callable[[int | None], int | None]
    decode: Callable[[], int | None] = lambda: 0
    savers: Sequence[str] = ()

    def activations(self, attention: int | None) -> int | None:
        """The most bytes beside the weights."""
        denoise, decode = self.denoise(attention), self.decode()
        return None if denoise is None or decode is None else max(denoise, decode)


def choose(
    needs: Needs,
    limit: int,
    offload: Offload | Literal["auto"] = "auto",
    attention: int | Literal["auto"] | None = "auto",
) -> Plan:
    """The fastest plan that keeps to ``limit`` bytes, of those that are asked for.

    Raises:
        DoesNotFitError: says what the leanest one takes, and what would take less. What can't
            be told is no reason.
    """
    for plan in _plans(needs, offload, attention):
        if plan.fits(limit):
            return plan
    if plan.bytes <= limit:
        return plan
    savers = needs.savers if needs.decode() == plan.activations else ()
    less = [*(f"{key}: true" for key in savers), "a smaller size", "fewer frames"]
    raise DoesNotFitError(
        f"needs {size(plan.bytes)}, and there are {size(limit)} ({plan}); "
        f"less take {', '.join(less)} and smaller batches"
    )


def _plans(
    needs: Needs, offload: Offload | Literal["auto"], attention: int | Literal["auto"] | None
) -> Iterator[Plan]:
    """From the fastest to the leanest. None changes the clip by more than a rounding error."""
    for how in OFFLOADS if offload == "auto" else (offload,):
        for pieces in PIECES if attention == "auto" else (attention,):
            yield Plan(how, pieces, needs.weights[how], needs.activations(pieces))


def leaner(needs: Needs, plan: Plan, offload: Offload | Literal["auto"] = "auto") -> Plan:
    """For a run that ran out of memory with ``plan``: one that takes clearly less.

    That is the fastest with at most three quarters, or where that can't be told the leanest.

    Raises:
        DoesNotFitError: if there is none.
    """
    taken = needs.activations(plan.attention)
    if taken is not None:
        return choose(needs, (needs.weights[plan.offload] + taken) * 3 // 4, offload)
    *_, least = _plans(needs, offload, "auto")
    if (least.offload, least.attention) == (plan.offload, plan.attention):
        raise DoesNotFitError(f"there is no leaner plan than {plan}")
    return least
