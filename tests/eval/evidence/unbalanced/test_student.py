"""Student's p is what tables say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from w2sd_video.eval.evidence.unbalanced.student import p_value


@pytest.mark.parametrize(
    ("n", "t", "p"),
    [
        (2, 12.706, 0.05),
        (3, 4.303, 0.05),
        (4, 3.182, 0.05),
        (4, 5.841, 0.01),
        (5, 4.604, 0.01),
        (6, 2.571, 0.05),
        (11, 2.228, 0.05),
        (30, 2.756, 0.01),
    ],
)
def test_p_is_the_tables_one(n: int, t: float, p: float) -> None:
    values = np.linspace(-1.0, 1.0, n)
    values += 0.4 + t * values.std(ddof=1) / math.sqrt(n)
    assert p_value(values.tolist(), 0.4) == pytest.approx(p, rel=2e-3)
    assert p_value((-values).tolist(), -0.4) == pytest.approx(p, rel=2e-3)


def test_of_one_value_there_is_none_and_of_no_difference_it_is_one() -> None:
    assert math.isnan(p_value([0.3]))
    assert p_value([0.0, 0.0, 0.0]) == 1.0
    assert p_value([0.2, 0.2, 0.2]) == 0.0
