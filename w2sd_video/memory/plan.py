"""How a run fits its device: which weights stay there, in what pieces layers are evaluated.

There is a trade at every step: pieces cost a little time, going through host memory costs more.
The plan is the first that fits, from the fastest to the leanest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

Offload = Literal["none", "model", "block"]

OFFLOADS: tuple[Offload, ...] = ("none", "model", "block")
# Budgets of attention and feed-forward layers; None evaluates them whole.
PIECES = (None, 2**30, 2**28, 2**26, 2**24)


class DoesNotFitError(MemoryError):
    """Not even the leanest plan fits."""


@dataclass(frozen=True)
class Plan:
    """One way to run.

    Attributes:
        offload: what is moved to the device and away: nothing, models, or their blocks.
        attention: bytes that an attention or feed-forward layer may hold; None: no limit.
        weights: the fewest bytes of weights that must be on the device at once.
        activations: the most bytes beside them.
    """

    offload: Offload
    attention: int | None
    weights: int
    activations: int

    @property
    def bytes(self) -> int:
        return self.weights + self.activations

    def __str__(self) -> str:
        how = {
            "none": "all weights on the device",
            "model": "one model on the device at a time",
            "block": "weights on the device by blocks",
        }
        parts = [f"{how[self.offload]} ({size(self.weights)})"]
        if self.attention is not None:
            parts.append(f"attention in pieces of {size(self.attention)}")
        return ", ".join(parts) + f", {size(self.activations)} beside them"


@dataclass(frozen=True)
class Needs:
    """What a run takes, in bytes.

    Attributes:
        weights: on the device at once, by how they are moved.
        denoise: beside the weights, in a denoiser call, by the budget of its layers.
        decode: likewise, in decoding.
    """

    weights: Mapping[Offload, int]
    denoise: Callable[[int | None], int]
    decode: Callable[[], int] = lambda: 0


def choose(
    needs: Needs,
    limit: int,
    offload: Offload | Literal["auto"] = "auto",
    attention: int | Literal["auto"] | None = "auto",
) -> Plan:
    """The fastest plan that keeps to ``limit`` bytes, of those that are asked for.

    Raises:
        DoesNotFitError: says what the leanest one takes, and what would take less.
    """
    plan = None
    for plan in _plans(needs, offload, attention):
        if plan.bytes <= limit:
            return plan
    assert plan is not None
    decoding = needs.decode() == plan.activations
    raise DoesNotFitError(
        f"needs {size(plan.bytes)}, and there are {size(limit)} ({plan}); "
        + ("memory.vae_tiling: true takes less; so do " if decoding else "less take ")
        + "a smaller size, fewer frames and memory.batch_size: 1"
    )


def _plans(
    needs: Needs, offload: Offload | Literal["auto"], attention: int | Literal["auto"] | None
) -> Iterator[Plan]:
    """From the fastest to the leanest. None changes the clip by more than a rounding error."""
    for how in OFFLOADS if offload == "auto" else (offload,):
        for pieces in PIECES if attention == "auto" else (attention,):
            most = max(needs.denoise(pieces), needs.decode())
            yield Plan(how, pieces, needs.weights[how], most)


def size(count: int) -> str:
    """Bytes for people."""
    gib = count / 2**30
    return f"{gib:.1f} GiB" if gib >= 1 else f"{count / 2**20:.0f} MiB"
