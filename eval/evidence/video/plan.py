"""How much both studies sample, and what they choose among."""

from __future__ import annotations

from dataclasses import dataclass

from w2sd_video.core.reflection import MODES, Mode


@dataclass(frozen=True)
class Plan:
    """The size of it.

    Attributes:
        steps: sampling steps of all columns but those that make up for evaluations. Strong gets
            as many clips all right with these as with half as many again.
        dev, test, grid: pairs; of the test all ``test``, but the first ``grid`` of them in the
            ``FEW`` columns.
        guidances: what may be chosen. Those of ``start`` are tried first, and the next one
            as long as the last one is the best.
        shares: of steps that reflect.
    """

    steps: int = 8
    dev: int = 64
    test: int = 512
    grid: int = 128
    guidances: tuple[float, ...] = (1.0, 1.5, 2.5, 4.0, 6.0)
    start: tuple[float, ...] = (1.5, 2.5, 4.0)
    shares: tuple[float, ...] = (0.25, 0.5, 1.0)
    modes: tuple[Mode, ...] = tuple(mode for mode in MODES if mode != "official")


FULL = Plan()
QUICK = Plan(steps=2, dev=2, test=2, grid=2, guidances=(2.5,), start=(2.5,), shares=(0.5,))
