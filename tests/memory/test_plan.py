"""The plan is the first that fits, from the fastest to the leanest."""

from __future__ import annotations

from dataclasses import replace

import pytest

from w2sd_video.memory.plan import DoesNotFitError, Needs, choose

MIB = 2**20
NEEDS = Needs(
    weights={"none": 1000 * MIB, "model": 600 * MIB, "block": 100 * MIB},
    denoise=lambda pieces: 900 * MIB if pieces is None else 100 * MIB + min(pieces, 800 * MIB),
    decode=lambda: 110 * MIB,
)


@pytest.mark.parametrize(
    ("limit", "offload", "attention"),
    [
        (1900, "none", None),
        (1899, "none", 256),
        (1300, "none", 64),
        (1116, "none", 16),
        (1115, "model", 256),
        (716, "model", 16),
        (715, "block", 256),
        (216, "block", 16),
    ],
)
def test_the_fastest_that_fits(limit: int, offload: str, attention: int | None) -> None:
    plan = choose(NEEDS, limit * MIB)
    assert (plan.offload, plan.attention) == (offload, attention and attention * MIB)
    assert plan.bytes <= limit * MIB


def test_wishes_hold() -> None:
    assert choose(NEEDS, 2000 * MIB, offload="block").offload == "block"
    assert choose(NEEDS, 2000 * MIB, attention=MIB).attention == MIB
    with pytest.raises(DoesNotFitError):
        choose(NEEDS, 1000 * MIB, offload="none")


def test_what_does_not_fit_says_so() -> None:
    message = (
        r"needs 216 MiB, and there are 215 MiB \(weights on the device by blocks \(100 MiB\), "
        r"attention in pieces of 16 MiB, 116 MiB beside them\); less take a smaller size"
    )
    with pytest.raises(DoesNotFitError, match=message):
        choose(NEEDS, 215 * MIB)
    tiling = replace(NEEDS, savers=("memory.vae_tiling",))  # no help where denoising takes more
    with pytest.raises(DoesNotFitError, match="; less take a smaller size, fewer frames and"):
        choose(tiling, 215 * MIB)
    with pytest.raises(DoesNotFitError, match=r"less take memory\.vae_tiling: true, a smaller"):
        choose(replace(tiling, decode=lambda: 400 * MIB), 215 * MIB)
