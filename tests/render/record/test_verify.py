from __future__ import annotations

import numpy as np
import pytest

from w2sd_video.render.record.verify import Check, psnr

from ..families import pixels


def test_psnr() -> None:
    a = pixels()
    assert psnr(a, a) == float("inf")
    assert psnr(a, a[:2]) == 0
    b = a.copy()
    b[..., 0] ^= 1  # off by one in a third of all numbers
    assert psnr(a, b) == pytest.approx(10 * np.log10(3 * 255**2))


@pytest.mark.parametrize(
    ("value", "ok", "text"),
    [
        (float("inf"), True, "the same pixels"),
        (47.12, True, "47.1 dB PSNR"),
        (31.0, False, "31.0 dB PSNR, less than 40"),
    ],
)
def test_how_it_is_told(value: float, ok: bool, text: str) -> None:
    check = Check(None, value)
    assert (check.ok, str(check)) == (ok, text)
